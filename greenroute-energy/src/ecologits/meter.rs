use super::{Dag, Model, Provider, mix, model, providers};
use crate::simple::constant_band_for;
use crate::sizes::USUAL_OUTPUT;
use greenroute_core::units::{Energy, Quantity, Tokens};
use greenroute_core::{
    Boundary, EnergyMeter, EnergyRate, Estimate, MeterId, Method, ModelCard, Reading, Skip, Spread, Work,
};

/// What EcoLogits 0.11.3 says of the energy, at the facility: its PUE is in it, and greenroute's is not applied again.
///
/// The value is the mean of EcoLogits' range, which it shows itself. The band is EcoLogits' range and, in quadrature, what
/// the study found of its GPU part with the true parameters: ×0.145 to ×5.5, and ×0.5 to ×2 more unless the card names a
/// board of the study's. It reads the models that EcoLogits knows, at
/// the providers that it knows, and no input. For comparison; no part of the [`ladder`](crate::ladder()).
#[derive(Debug, Clone, Copy, Default)]
pub struct EcoLogits;

const ID: MeterId = MeterId::new("ecologits", 1);

impl EcoLogits {
    /// EcoLogits' rows for a card: its provider, and the model by its id or one of its other names.
    fn rows(card: &ModelCard) -> Result<(&'static Provider, &'static Model), Skip> {
        let provider = card.key.provider.as_str();
        let site = providers()
            .iter()
            .find(|known| known.ours == provider)
            .ok_or_else(|| Skip(format!("EcoLogits does not know the provider {provider}").into()))?;
        let names = std::iter::once(card.key.model.as_str()).chain(card.aliases.iter().map(String::as_str));
        let known = names.into_iter().find_map(|name| model(site.name, name));
        let unknown = || Skip(format!("EcoLogits does not know {} of {provider}", card.key.model).into());
        Ok((site, known.ok_or_else(unknown)?))
    }

    /// The energy of so many tokens within `latency`: the mean of both ends, and the ends.
    fn energy(
        (site, model): (&Provider, &Model),
        tokens: f64,
        latency: f64,
    ) -> Option<(Energy, [Energy; 2])> {
        // The grid's mix is no part of the energy: any will do.
        let dags = model.dags(site, mix(site.zone)?.mix, tokens, latency);
        let joules = |dag: &Dag| Energy::from_kwh(dag.request_energy);
        let [least, most] = [joules(&dags[0]), joules(&dags[1])];
        Some(((least + most) * 0.5, [least, most]))
    }

    fn spread(card: &ModelCard, value: Energy, [least, most]: [Energy; 2]) -> Spread {
        let band = constant_band_for(card, "ecologits");
        if value == Energy::ZERO {
            return band;
        }
        band.and(Spread::of(least.base() / value.base(), most.base() / value.base()))
    }
}

impl EnergyMeter for EcoLogits {
    fn id(&self) -> MeterId {
        ID
    }

    fn rate(&self, card: &ModelCard) -> Result<EnergyRate, Skip> {
        let rows = Self::rows(card)?;
        let at =
            |tokens| Self::energy(rows, tokens, f64::INFINITY).ok_or(Skip("EcoLogits lacks a mix".into()));
        // Without a limit of time it is a straight line; its range is taken at the usual answer.
        let ((fixed, _), (one, _), (usual, ends)) = (at(0.0)?, at(1.0)?, at(USUAL_OUTPUT)?);
        let output = one.saturating_sub(fixed);
        let spread = Self::spread(card, usual, ends);
        let rate = EnergyRate::per_token(output, spread, Method::Modelled, Boundary::Facility, ID);
        Ok(EnergyRate { fixed, ..rate })
    }

    fn read(&self, work: &Work<'_>) -> Result<Reading, Skip> {
        let Some(latency) = work.duration else { return Ok(self.rate(work.card)?.reading(work)) };
        let rows = Self::rows(work.card)?;
        let at = |tokens: Tokens| {
            Self::energy(rows, tokens.base(), latency.as_secs_f64())
                .ok_or(Skip("EcoLogits lacks a mix".into()))
        };
        let (value, ends) = at(work.output.value())?;
        let ((low, _), (high, _)) = (at(work.output.low())?, at(work.output.high())?);
        let method = Method::Modelled.min(work.output.method());
        let energy = if value == Energy::ZERO {
            Estimate::banded(value, value, high, method)
        } else {
            let of_tokens = Spread::of(low.base() / value.base(), high.base() / value.base());
            Estimate::with_spread(value, Self::spread(work.card, value, ends).and(of_tokens), method)
        };
        Ok(Reading::new(energy, Boundary::Facility, ID))
    }
}

#[cfg(test)]
mod tests {
    use super::super::impacts;
    use super::*;
    use crate::testing::{exact, hosted};
    use greenroute_core::ModelKey;
    use std::time::Duration;

    fn card(provider: &str, model: &str) -> ModelCard {
        let mut card = hosted(1.0);
        card.key = ModelKey::new(provider, model);
        card
    }

    #[test]
    fn it_says_what_ecologits_says() {
        for (ours, theirs, name) in [
            ("openai", "openai", "gpt-4o-mini"),
            ("gemini", "google_genai", "gemini-2.5-flash"),
            ("mistral", "mistralai", "mistral-small-latest"),
            ("anthropic", "anthropic", "claude-haiku-4-5"),
        ] {
            let card = card(ours, name);
            let work = Work::expected(&card, exact(999), exact(250));
            let timed = Work { duration: Some(Duration::from_millis(1500)), ..work };
            for (work, latency) in [(work, None), (timed, Some(1.5))] {
                let expected = impacts(theirs, name, 250, latency, None).unwrap().usage.energy.mean();
                let reading = EcoLogits.read(&work).unwrap();
                let found = reading.energy.value().as_kwh();
                assert!((found / expected - 1.0).abs() < 1e-12, "{name}: {found} {expected}");
                assert_eq!(reading.boundary, Boundary::Facility);
            }
        }
    }

    #[test]
    fn a_card_is_known_by_any_of_its_names_and_another_model_is_not() {
        let mut known = card("openai", "somebody's own name");
        assert!(EcoLogits.rate(&known).unwrap_err().0.contains("somebody's own name of openai"));
        known.aliases = vec!["gpt-4o".to_owned()];
        assert!(EcoLogits.rate(&known).is_ok());
        assert!(EcoLogits.rate(&card("nobody", "gpt-4o")).unwrap_err().0.contains("nobody"));
    }
}
