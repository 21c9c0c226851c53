use crate::ecologits::{ZoneMix, mix, zone_code};
use crate::hardware::{Fact, Served, embodied};
use greenroute_core::model::Privacy;
use greenroute_core::units::{Energy, Probability, Water, WaterIntensity};
use greenroute_core::{
    Boundary, Estimate, ImpactModel, Impacts, MeterId, Method, Placed, Reading, Skip, Work, Zone,
};
use std::time::Duration;

/// Water and embodied emissions, beside energy and its emissions and never summed into them.
///
/// Water: `E_server · (WUE_site + PUE · EWIF_zone)`, which is `E_facility · (WUE_site / PUE + EWIF_zone)`: the PUE counts
/// once, and only for what is bought. The WUE is the place's; the water of a zone's electricity is EcoLogits'.
///
/// Embodied: the kilograms of the machines, by the share of the time that they compute in their life, divided by the
/// requests that share them. Where the deployment is not known EcoLogits' assumptions stand in: 64 requests at once, on as
/// many GPUs as hold the model.
#[derive(Debug, Clone, Copy, Default)]
pub struct WaterAndHardware {
    served: Served,
}

/// What country tables of water leave open: which reservoir's evaporation is whose, by judgement.
const ZONE_BAND: (f64, f64) = (0.3, 2.0);
/// Of the 50 zones that have their own number, 90 % lie between these, in L/kWh: what is known of a zone with the world's.
const WORLD_ENDS: (f64, f64) = (1.48, 12.2);

impl WaterAndHardware {
    /// With hardware at providers that lives for so long, and computes for so much of it.
    #[must_use]
    pub fn hosted_life(mut self, lifetime: Duration, utilisation: Probability) -> Self {
        self.served.hosted = Fact::exact(served(lifetime, utilisation));
        self
    }

    /// The same of this machine.
    #[must_use]
    pub fn local_life(mut self, lifetime: Duration, utilisation: Probability) -> Self {
        self.served.local = Fact::exact(served(lifetime, utilisation));
        self
    }
}

/// A life without computing would make every call the whole of it: a second at the least.
fn served(lifetime: Duration, utilisation: Probability) -> f64 {
    (lifetime.as_secs_f64() * utilisation.as_fraction()).max(1.0)
}

impl ImpactModel for WaterAndHardware {
    fn id(&self) -> MeterId {
        MeterId::new("water_and_hardware", 1)
    }

    fn impacts(&self, work: &Work<'_>, reading: &Reading, placed: &Placed<'_>) -> Impacts {
        let mut impacts = Impacts::default();
        let facility = match reading.boundary {
            Boundary::Facility => reading.energy,
            _ => reading.to_facility(&placed.site.overheads).energy,
        };
        impacts.water = Some(water(facility, work, placed, &mut impacts));
        match embodied(work, &self.served) {
            Ok((emissions, source)) => {
                impacts.embodied = Some(emissions);
                impacts.sources.push(source.into());
            }
            Err(why) => impacts.missing.push(why),
        }
        impacts
    }
}

fn water(
    facility: Estimate<Energy>,
    work: &Work<'_>,
    placed: &Placed<'_>,
    told: &mut Impacts,
) -> Estimate<Water> {
    let bought = facility * of_zone(placed.zone, told);
    match placed.site.water {
        Some(site) => {
            let pue = placed.site.overheads.pue.value().as_ratio();
            let servers = facility.map(|energy| energy * (1.0 / pue));
            told.sources.push(format!("water on site: {}", placed.site.source).into());
            bought + servers * site
        }
        None => {
            if work.card.privacy == Privacy::Remote {
                told.missing
                    .push(Skip("the water used on site is not known, and not in the water told".into()));
            }
            bought
        }
    }
}

/// Litres per kilowatt-hour of a zone's electricity: of its country, since no finer table is known, or of the world.
fn of_zone(zone: Option<&Zone>, told: &mut Impacts) -> Estimate<WaterIntensity> {
    let country = zone.map_or("WORLD", |zone| zone.as_str().split('-').next().unwrap_or_default());
    let row = zone_code(country).and_then(mix);
    if row.is_none() {
        told.missing.push(Skip(
            format!("no water of electricity is known for {country}: the world's was taken").into(),
        ));
    }
    told.sources.push(match row {
        Some(_) if country != "WORLD" => format!("water of electricity: EcoLogits 0.11.3, {country}").into(),
        _ => "water of electricity: EcoLogits 0.11.3, the world".into(),
    });
    let own = |row: &&'static ZoneMix| !row.has_world_water() && country != "WORLD";
    let litres = WaterIntensity::from_litres_per_kwh;
    match row.filter(own) {
        Some(row) => Estimate::scaled(litres(row.mix.wue), ZONE_BAND.0, ZONE_BAND.1, Method::Proxy),
        None => {
            let world = mix("WOR").map_or(WORLD_ENDS.0, |row| row.mix.wue);
            Estimate::banded(litres(WORLD_ENDS.0), litres(world), litres(WORLD_ENDS.1), Method::Proxy)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{exact, hosted, local};
    use greenroute_core::model::{Deployment, ModelCard};
    use greenroute_core::units::{Factor, Pue};
    use greenroute_core::{Overheads, Site};

    fn site(litres: Option<f64>) -> Site {
        let overheads = Overheads {
            server: Estimate::exact(Factor::from_ratio(1.6), Method::Proxy),
            pue: Estimate::exact(Pue::from_ratio(1.25), Method::Proxy),
            source: "test".into(),
        };
        let water =
            litres.map(|it| Estimate::exact(WaterIntensity::from_litres_per_kwh(it), Method::Reported));
        Site { water, ..Site::new(overheads) }
    }

    fn reading(kwh: f64, boundary: Boundary) -> Reading {
        Reading::new(
            Estimate::exact(Energy::from_kwh(kwh), Method::Measured),
            boundary,
            MeterId::new("test", 1),
        )
    }

    fn told(
        card: &ModelCard,
        reading: &Reading,
        site: &Site,
        zone: Option<&str>,
        seconds: Option<u64>,
    ) -> Impacts {
        let zone: Option<Zone> = zone.map(|zone| zone.parse().unwrap());
        let duration = seconds.map(Duration::from_secs);
        let work = Work { duration, ..Work::expected(card, exact(100), exact(200)) };
        let placed = Placed { site, zone: zone.as_ref(), assumed: false, unlisted: None };
        WaterAndHardware::default().impacts(&work, reading, &placed)
    }

    fn litres(impacts: &Impacts) -> f64 {
        impacts.water.unwrap().value().as_litres()
    }

    #[test]
    fn pue_counts_once_and_only_for_bought_electricity() {
        let (card, site) = (hosted(70.0), site(Some(0.5)));
        // 1 kWh of servers: 0.5 L on site, and 1.25 kWh bought at 3.6737 L/kWh in France.
        let expected = 0.5 + 1.25 * 3.6737;
        for (kwh, boundary) in
            [(1.25, Boundary::Facility), (1.0, Boundary::Server), (1.0 / 1.6, Boundary::Device)]
        {
            let impacts = told(&card, &reading(kwh, boundary), &site, Some("FR"), None);
            assert!((litres(&impacts) - expected).abs() < 1e-9, "{boundary}: {impacts:?}");
        }
    }

    #[test]
    fn an_unknown_place_has_the_worlds_water_and_says_so() {
        let (card, reading) = (hosted(70.0), reading(1.0, Boundary::Facility));
        let of = |zone| told(&card, &reading, &site(Some(0.0)), zone, Some(1));
        let (nowhere, unknown, texas) = (of(None), of(Some("QQ")), of(Some("US-TX")));
        assert!((litres(&nowhere) - 3.908).abs() < 1e-12 && litres(&unknown) == litres(&nowhere));
        assert!(nowhere.sources.iter().any(|source| source.contains("the world")));
        assert!(unknown.missing.iter().any(|why| why.0.contains("QQ")), "{unknown:?}");
        assert!((litres(&texas) - 3.1321).abs() < 1e-12 && texas.missing.is_empty());
        // A country with the world's number has the world's band.
        let (aruba, france) = (of(Some("AW")).water.unwrap(), of(Some("FR")).water.unwrap());
        assert!(
            aruba.high().as_litres() / aruba.value().as_litres()
                > france.high().as_litres() / france.value().as_litres()
        );
        let dry = told(&card, &reading, &site(None), Some("FR"), Some(1));
        assert!(dry.missing.iter().any(|why| why.0.contains("on site")));
        let here = told(&local(), &reading, &site(None), Some("FR"), Some(1));
        assert!(here.missing.is_empty(), "{here:?}");
    }

    #[test]
    fn hardware_counts_by_its_share_of_time_and_requests() {
        let mut card = hosted(70.0);
        let (reading, site) = (reading(1.0, Boundary::Facility), site(Some(0.0)));
        let grams = |card: &ModelCard, seconds| {
            told(card, &reading, &site, None, seconds).embodied.unwrap().value().as_grams()
        };
        // EcoLogits: 4 boards of 985.5 kg, 64 requests, 3 years.
        let per_second = 4.0 * 985_500.0 / (64.0 * 3.0 * 365.0 * 86_400.0);
        assert!((grams(&card, Some(10)) / (10.0 * per_second) - 1.0).abs() < 1e-9);
        card.deployment = Some(Deployment { batch: Some(32.0), ..Deployment::new("H100", 8) });
        assert!((grams(&card, Some(10)) / (40.0 * per_second) - 1.0).abs() < 1e-9);
        // 300 kg, a fifth of five years.
        assert!((grams(&local(), Some(10)) / (3e6 / (365.0 * 86_400.0)) - 1.0).abs() < 1e-9);
        let processor = Deployment { processor: true, ..Deployment::new("EPYC", 2) };
        card.deployment = Some(processor);
        assert!(told(&card, &reading, &site, None, Some(10)).embodied.is_none(), "nobody told");
        let timeless = told(&hosted(70.0), &reading, &site, None, None);
        assert!(timeless.embodied.is_none() && timeless.missing.iter().any(|why| why.0.contains("time")));
    }

    #[test]
    fn a_longer_life_and_fuller_use_make_every_call_lighter() {
        let (card, reading, site) = (hosted(70.0), reading(1.0, Boundary::Facility), site(None));
        let placed = Placed { site: &site, zone: None, assumed: false, unlisted: None };
        let work =
            Work { duration: Some(Duration::from_secs(5)), ..Work::expected(&card, exact(1), exact(1)) };
        let years = |years: u64| Duration::from_secs(years * 365 * 86_400);
        let grams = |model: WaterAndHardware| model.impacts(&work, &reading, &placed).embodied.unwrap();
        let half = Probability::from_fraction(0.5);
        let six = grams(WaterAndHardware::default().hosted_life(years(6), half));
        let usual = grams(WaterAndHardware::default());
        assert!((six.value().as_grams() / usual.value().as_grams() - 1.0).abs() < 1e-12);
        assert!(six.high() < usual.high(), "what is set is certain");
        let never = WaterAndHardware::default().hosted_life(years(3), Probability::ZERO);
        assert!(grams(never).value().as_grams().is_finite());
    }

    #[test]
    fn ignorance_widens_the_band() {
        let (reading, site) = (reading(1.0, Boundary::Facility), site(None));
        let width = |card: &ModelCard| {
            let embodied = told(card, &reading, &site, None, Some(5)).embodied.unwrap();
            embodied.high().as_grams() / embodied.low().as_grams()
        };
        let mut known = hosted(70.0);
        known.deployment = Some(Deployment { batch: Some(32.0), ..Deployment::new("H100", 8) });
        let mut unknown = hosted(70.0);
        unknown.size = None;
        assert!(width(&known) < width(&hosted(70.0)) && width(&hosted(70.0)) < width(&unknown));
    }
}
