//! Tasks that were never seen: each is left out in turn, with every source that is the same benchmark.
//!
//! Chance draws tasks here, and prompts only inside of them: what was seen of fourteen tasks is fourteen draws, however
//! many prompts they have. So the dial's bound is one over tasks.

use crate::pools::{Outlook, apply, calibrated, pairs, promise, put_rows, set_on, with_tuned};
use crate::report::Pooled;
use crate::scores::{self, Choices, Drawn, floor};
use crate::world::World;
use greenroute_core::Result;
use greenroute_predict::fit::carried::{Carried, Gain, Told};
use greenroute_predict::fit::cohort::Cohort;
use greenroute_predict::fit::design::Design;
use greenroute_predict::fit::pool::Pool;
use ndarray::{Array1, Array2, Axis};
use std::collections::HashSet;
use std::sync::Arc;

/// Tasks that are the same benchmark as other sources: the task's group, and those sources. `?` are prompts whose task is
/// not known, many of them MMLU's.
const SAME: [(&str, &[&str]); 5] = [
    ("mmlu", &["mmlu", "mmlu_pro", "routerarena"]),
    ("?", &["mmlu", "mmlu_pro", "routerarena"]),
    ("gsm8k", &["gsm8k_test", "math_l5", "routerarena"]),
    ("math", &["gsm8k_test", "math_l5", "routerarena"]),
    ("agentverse-mgsm", &["gsm8k_test", "math_l5", "routerarena"]),
];

/// What a strong model gains where nothing tells: so much that it is asked.
const UNTOLD: Gain = Gain { value: 0.5, most: 0.5 };

/// The pool's tasks, each scored by what was learned without it; the dial for a task stands where it did best on the
/// others, each foretold without it as well. `None` without a prompt that all models answered.
pub(crate) fn evaluate(
    fit: &World,
    test: Option<&World>,
    pool: &Pool,
    horizon: Option<usize>,
) -> Result<Option<Pooled>> {
    let cohort = Cohort::new(&fit.outcomes, pool);
    let (scored_world, scored) = match test {
        Some(test) => (test, Cohort::new(&test.outcomes, pool)),
        None => (fit, cohort.clone()),
    };
    if cohort.is_empty() || scored.is_empty() {
        return Ok(None);
    }
    let design = Design::new(&fit.features);
    let others = others(fit, pool, &[(fit, &cohort), (scored_world, &scored)]);
    let carried = Carried::fit(&fit.outcomes, &fit.features, &design, &others)?;
    let [fit_told, scored_told] =
        [(fit, &cohort), (scored_world, &scored)].map(|(world, of)| carried.tell(world.of(of), &design));
    let mut success = scored.right.clone();
    let mut all = Outlook { success: scored.right.clone(), joules: scored.joules.clone() };
    let [mut choices, mut beside] = [Choices::none(&scored), Choices::none(&scored)];
    let tasks = scored.by_task();
    let [asked, as_many] =
        [horizon.unwrap_or(0), scored.len()].map(|prompts| promise(prompts, &scored, &tasks));
    for left in &scored.tasks {
        let known: Vec<usize> = rows_of(&cohort, |task| task != left);
        let seen = cohort.select(&known);
        let joules = Spent(seen.joules.mean_axis(Axis(0)).unwrap_or_default());
        let [mut most, mut likely] =
            [&seen, &seen].map(|seen| Outlook { success: seen.right.clone(), joules: joules.of(seen.len()) });
        for other in &cohort.tasks {
            let inside = rows_of(&seen, |task| task == other);
            let of: Vec<usize> = inside.iter().filter_map(|row| known.get(*row).copied()).collect();
            let (gains, best) = (gains(&fit_told, &of, &[left, other]), large(&seen, other));
            put_rows(&mut most.success, &inside, foretold(&seen, best, &gains, |gain| gain.most).view());
            put_rows(&mut likely.success, &inside, foretold(&seen, best, &gains, |gain| gain.value).view());
        }
        let dial = set_on(&seen, &most, &seen.by_task());
        let inside = rows_of(&scored, |task| task == left);
        let (gains, best) = (gains(&scored_told, &inside, &[left]), large(&seen, left));
        let outlook = Outlook {
            success: foretold(&scored, best, &gains, |gain| gain.most),
            joules: joules.of(inside.len()),
        };
        for (choices, confidence) in [(&mut choices, &asked), (&mut beside, &as_many)] {
            for (target, choices) in choices {
                choices.add(&dial.set(floor(target), confidence), &inside, &outlook, scored.large);
            }
        }
        put_rows(&mut all.success, &inside, outlook.success.view());
        put_rows(&mut all.joules, &inside, outlook.joules.view());
        // Probabilities are calibrated on the other tasks; the order of models is left as it was told.
        let mut likeliest = foretold(&scored, best, &gains, |gain| gain.value);
        apply(&calibrated(&seen, &likely).1, &mut likeliest);
        put_rows(&mut success, &inside, likeliest.view());
    }
    let pairs = pairs(&scored, &success);
    let report = |choices: &[(&str, Choices)]| scores::report(&scored, choices, &pairs, Drawn::Tasks);
    Ok(Some(with_tuned(report(&choices).beside(report(&beside)), &scored, &all)))
}

/// The rows of `fit` that may be learned from: of other sources, and no variant of a question that is foretold.
fn others(fit: &World, pool: &Pool, foretold: &[(&World, &Cohort)]) -> Vec<usize> {
    let prompts = foretold
        .iter()
        .flat_map(|(world, cohort)| cohort.prompts.iter().filter_map(|row| world.outcomes.prompts.get(*row)));
    let questions: HashSet<&str> = prompts.map(|prompt| prompt.question()).collect();
    let prompts = fit.outcomes.prompts.iter().enumerate();
    prompts
        .filter(|(_, prompt)| {
            !pool.sources.contains(&prompt.source) && !questions.contains(prompt.question())
        })
        .map(|(row, _)| row)
        .collect()
}

/// What is told without the sources that are the same benchmark as one of the tasks `left`.
fn gains(told: &Told, rows: &[usize], left: &[&Arc<str>]) -> Vec<Gain> {
    let group = |task: &str| task.rsplit('/').next().unwrap_or_default().to_owned();
    let same = |source: &str, task: &str| {
        SAME.iter().any(|(name, sources)| *name == group(task) && sources.contains(&source))
    };
    let gains = told.select(rows).gains(|source| !left.iter().any(|task| same(source, task)));
    gains.unwrap_or_else(|| vec![UNTOLD; rows.len()])
}

/// The large model's success on the tasks of `seen` but `left`.
fn large(seen: &Cohort, left: &Arc<str>) -> f64 {
    let rows = rows_of(seen, |task| task != left);
    seen.right.column(seen.large).select(Axis(0), &rows).mean().unwrap_or(1.0)
}

/// Success of each model: the large one's is `best`, and that of others less by the gain on each prompt.
fn foretold(cohort: &Cohort, best: f64, gains: &[Gain], of: impl Fn(&Gain) -> f64) -> Array2<f64> {
    Array2::from_shape_fn((gains.len(), cohort.right.ncols()), |(row, model)| {
        if model == cohort.large { best } else { best - gains.get(row).map_or(UNTOLD.most, &of) }
    })
}

/// The mean joules of each model.
struct Spent(Array1<f64>);

impl Spent {
    fn of(&self, rows: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, self.0.len()), |(_, model)| self.0.get(model).copied().unwrap_or(1.0))
    }
}

/// The rows whose task is wanted.
fn rows_of(cohort: &Cohort, wanted: impl Fn(&Arc<str>) -> bool) -> Vec<usize> {
    let of = |(_, task): &(usize, &usize)| cohort.tasks.get(**task).is_some_and(&wanted);
    cohort.task.iter().enumerate().filter(of).map(|(row, _)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_predict::fit::data::{Outcomes, Prompt};
    use greenroute_predict::fit::pool::Member;
    use greenroute_predict::text::Features;

    /// Six tasks of 60 prompts and another source of 300: where the first cue shows, the small model fails. `wrong` turns
    /// its outcomes round at one task; `only` leaves all other tasks out.
    fn world(wrong: Option<usize>, only: Option<usize>) -> World {
        let (mut prompts, mut outcomes, mut features) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..660_usize {
            let task = if row < 360 { Some(row / 60) } else { None };
            if task.is_some() && only.is_some() && task != only {
                continue;
            }
            let (source, hard) = (if task.is_some() { "mixed" } else { "other" }, row % 3 == 0);
            let id = format!("{source} {row}");
            for (model, right) in
                [("large", row % 7 > 0), ("small", hard == (task.is_some() && wrong == task))]
            {
                outcomes.push((
                    id.clone(),
                    format!("{source}:{model}").into(),
                    f32::from(u8::from(right)),
                    None,
                ));
            }
            prompts.push(Prompt {
                id,
                source: source.into(),
                text: String::new(),
                caps: Vec::new(),
                group: format!("task {}", task.unwrap_or(9)).into(),
                group_id: String::new(),
                meta: serde_json::Map::new(),
            });
            let mut text = Features::default();
            text.cues[0] = f32::from(u8::from(hard));
            features.push(text);
        }
        World { outcomes: Outcomes::new(prompts, outcomes), features }
    }

    fn pool() -> Pool {
        let member = |name: &str, joules| Member { model: name.into(), joules_per_output_token: joules };
        Pool {
            sources: vec!["mixed".into()],
            large: "mixed:large".into(),
            output_tokens: 100.0,
            models: vec![member("mixed:small", 0.1), member("mixed:large", 1.0)],
        }
    }

    #[test]
    fn what_looks_easy_elsewhere_goes_to_the_small_model() {
        let found = evaluate(&world(None, None), None, &pool(), None).unwrap().unwrap();
        assert!(found.saved["0.99"] > 0.5 && found.attained["0.99"] > 1.0, "{found:?}");
        assert_eq!(found.floor_held, Some(1.0));
        assert_eq!(found.over_tasks.unwrap().held["0.99"], 1.0);
    }

    #[test]
    fn a_task_is_scored_without_a_look_at_its_outcomes() {
        let test = world(None, Some(2));
        let json = |fit: &World| {
            let found = evaluate(fit, Some(&test), &pool(), None).unwrap().unwrap();
            serde_json::to_string(&found).unwrap()
        };
        let known = json(&world(None, None));
        assert_eq!(known, json(&world(Some(2), None)));
        assert_ne!(known, json(&world(Some(3), None)), "of other tasks it is learned");
    }

    #[test]
    fn variants_of_what_is_scored_are_not_learned_from_in_other_sources() {
        let mut fit = world(None, None);
        for prompt in &mut fit.outcomes.prompts {
            prompt.group_id = prompt.id.replace("other 36", "mixed 6");
        }
        let cohort = Cohort::new(&fit.outcomes, &pool());
        // `other 360` to `other 369` are variants of `mixed 60` to `mixed 69`.
        assert_eq!(others(&fit, &pool(), &[(&fit, &cohort)]), (370..660).collect::<Vec<_>>());
    }

    #[test]
    fn a_pool_that_nobody_answered_is_not_scored() {
        let mut pool = pool();
        pool.models[0].model = "nobody".into();
        assert!(evaluate(&world(None, None), None, &pool, None).unwrap().is_none());
    }
}
