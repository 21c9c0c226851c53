use greenroute_core::model::{EnergyProfile, LoadOffset, ModelCard};
use greenroute_core::{Date, ModelKey};
use std::fmt;

/// What a calibration changed on one card. Displayed in one line:
/// `local/tiny: 1.20 J + 31.0 mJ/input + 92.0 mJ/output token, ×0.88 to ×1.14 (24 readings by rapl@1); before: none`.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibrated {
    /// The model.
    pub model: ModelKey,
    /// The profile that was there, and the one that is there now.
    pub profile: (Option<EnergyProfile>, Option<EnergyProfile>),
    /// The offsets that were there, and those that are there now.
    pub offsets: (Vec<LoadOffset>, Vec<LoadOffset>),
}

impl Calibrated {
    /// `None` where nothing but the day has changed.
    pub(super) fn between(before: &ModelCard, after: &ModelCard) -> Option<Self> {
        let offsets = |card: &ModelCard| match &card.deployment {
            Some(deployment) => deployment.offsets.clone(),
            None => Vec::new(),
        };
        let profile = (before.energy_profile.clone(), after.energy_profile.clone());
        let offsets = (offsets(before), offsets(after));
        let undated =
            |profile: &Option<EnergyProfile>| profile.clone().map(|it| EnergyProfile { as_of: None, ..it });
        let bare = |offsets: &[LoadOffset]| -> Vec<LoadOffset> {
            offsets.iter().map(|offset| LoadOffset { as_of: None, ..offset.clone() }).collect()
        };
        let same = undated(&profile.0) == undated(&profile.1) && bare(&offsets.0) == bare(&offsets.1);
        (!same).then(|| Self { model: after.key.clone(), profile, offsets })
    }

    /// When it was found.
    #[must_use]
    pub fn as_of(&self) -> Option<Date> {
        let offsets = self.offsets.1.iter().map(|offset| offset.as_of);
        offsets.chain(self.profile.1.as_ref().map(|profile| profile.as_of)).flatten().max()
    }
}

impl fmt::Display for Calibrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.model)?;
        if self.profile.0 != self.profile.1 {
            told(f, self.profile.1.as_ref())?;
            f.write_str("; before: ")?;
            return told(f, self.profile.0.as_ref());
        }
        let (before, after) = &self.offsets;
        for (place, offset) in after.iter().filter(|offset| !before.contains(offset)).enumerate() {
            let LoadOffset { meter, batch, factor, low, high, points, .. } = offset;
            let comma = if place == 0 { "" } else { ", " };
            write!(
                f,
                "{comma}{meter} ×{factor:.2} at a batch of {batch:.0} (×{low:.2} to ×{high:.2}, {points} readings)"
            )?;
        }
        Ok(())
    }
}

fn told(f: &mut fmt::Formatter<'_>, profile: Option<&EnergyProfile>) -> fmt::Result {
    let Some(profile) = profile else { return f.write_str("none") };
    let EnergyProfile { overhead_joules, joules_per_input_token, joules_per_output_token, low, high, .. } =
        profile;
    write!(f, "{overhead_joules} + {joules_per_input_token}/input + {joules_per_output_token}/output token")?;
    write!(f, ", ×{low:.2} to ×{high:.2} (")?;
    match &profile.meter {
        Some(meter) => write!(f, "{} readings by {meter} at the {})", profile.points, profile.boundary),
        None => write!(f, "by hand, at the {})", profile.boundary),
    }
}
