//! The report as a person reads it.

use crate::report::{Against, Pooled, Protocol, Report};
use greenroute_predict::fit::metrics::{Bin, Interval};
use std::fmt;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, pool) in &self.pools {
            writeln!(f, "{name}: {} prompts, {}\n{pool}", pool.prompts, self.scored_on)?;
        }
        for (name, why) in &self.left_out {
            writeln!(f, "{name}: left out, since {why}\n")?;
        }
        match &self.mmlu {
            Some(against) => write!(f, "mmlu, RouteLLM's protocol: {}\n{against}", self.scored_on),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Pooled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>12}{:>9}{:>17}{:>11}{:>17}{:>9}{:>9}{:>15}{:>20}{:>20}{:>15}",
            "asked for",
            "saved",
            "95 %",
            "attained",
            "95 %",
            "bound",
            "held",
            "random saves",
            "attains, same J",
            "if on as many",
            "tuned on these"
        )?;
        for (target, attained) in &self.attained {
            writeln!(
                f,
                "{target:>12}{:>9}{:>17}{:>11}{:>17}{:>9}{:>9}{:>15}{:>20}{:>20}{:>15}",
                percent(self.saved.get(target)),
                range(self.saved_interval.get(target)),
                percent(Some(attained)),
                range(self.attained_interval.get(target)),
                percent(self.bound.get(target)),
                percent(self.held.get(target)),
                percent(self.random.saved.get(target)),
                percent(self.random.attained_at_equal_energy.get(target)),
                self.on_as_many.as_ref().map_or_else(String::new, |beside| format!(
                    "{} at {}",
                    percent(beside.saved.get(target)),
                    percent(beside.attained.get(target))
                )),
                percent(self.tuned_on_scored.get(target)),
            )?;
        }
        for (name, point) in [
            ("always small", self.always_small),
            ("always large", self.always_large),
            ("best single", self.best_single),
            ("oracle", self.oracle),
        ] {
            let (saved, attained) = (percent(Some(&point.saved)), percent(Some(&point.attained)));
            writeln!(f, "{name:>12}{saved:>9}{attained:>28}")?;
        }
        if let Some(over) = &self.over_tasks {
            for (target, held) in &over.held {
                let interval = range(over.attained_interval.get(target));
                writeln!(
                    f,
                    "{target:>12} over tasks: attained 95 % {interval}, held {}",
                    percent(Some(held))
                )?;
            }
        }
        writeln!(
            f,
            "{:>12} calibration error {}, the floor of 0.99 held in {} of bootstraps",
            "",
            percent(self.ece.as_ref()),
            percent(self.floor_held.as_ref())
        )?;
        let bins = |of: fn(&Bin) -> f64| {
            self.reliability.bins.iter().map(|bin| format!("{:>4.0}", 100.0 * of(bin))).collect::<String>()
        };
        writeln!(f, "{:>12}{}", "said, %", bins(|bin| bin.predicted))?;
        writeln!(f, "{:>12}{}", "came, %", bins(|bin| bin.observed))
    }
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (role, model) in [("strong", &self.strong), ("weak", &self.weak)] {
            writeln!(f, "{role:>28}: {} ({} right)", model.model, percent(model.right.as_ref()))?;
        }
        writeln!(
            f,
            "{:>28}{:>8}{:>15}{:>9}{:>9}{:>9}{:>9}",
            "learned from", "APGR", "95 %", "± seeds", "CPT50", "CPT80", "prompts"
        )?;
        let mut rows: Vec<(&String, &Protocol)> = self.settings.iter().collect();
        rows.sort_by(|a, b| a.1.recovery.apgr.total_cmp(&b.1.recovery.apgr));
        for (name, protocol) in rows {
            writeln!(f, "{name:>28}{protocol}")?;
        }
        for (source, protocol) in &self.elsewhere {
            writeln!(f, "{:>28}{protocol}", format!("{source}, zero-shot"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spread = if self.seeds > 1 { format!("{:.3}", self.spread) } else { "–".to_owned() };
        write!(
            f,
            "{:>8.3}{:>15}{spread:>9}{:>9}{:>9}{:>9}",
            self.recovery.apgr,
            format!("{:.3}–{:.3}", self.interval.low, self.interval.high),
            percent(Some(&self.recovery.cpt50)),
            percent(Some(&self.recovery.cpt80)),
            self.prompts
        )
    }
}

fn percent(share: Option<&f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

fn range(interval: Option<&Interval>) -> String {
    interval.map_or_else(
        || "–".to_owned(),
        |Interval { low, high }| format!("{:.1}–{:.1}", 100.0 * low, 100.0 * high),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_a_dash() {
        assert_eq!(percent(None), "–");
        assert_eq!(percent(Some(&0.4567)), "45.7 %");
        assert_eq!(range(None), "–");
        assert_eq!(range(Some(&Interval { low: -0.01, high: 0.5 })), "-1.0–50.0");
    }
}
