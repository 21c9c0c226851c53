//! The prompts that every model of a pool answered, as matrices.

use super::clusters::Clusters;
use super::data::Outcomes;
use super::pool::Pool;
use ndarray::{Array2, Axis};
use std::sync::Arc;

/// Characters that make a token, roughly.
const CHARACTERS: f64 = 4.0;

/// What happened on the prompts that every model of a pool answered. Rows are prompts, columns the pool's models.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    /// Which prompt of the outcomes each row is.
    pub prompts: Vec<usize>,
    /// 1 where the model was right, 0 where not.
    pub right: Array2<f64>,
    /// What each answer took, in joules.
    pub joules: Array2<f64>,
    /// Which of [`tasks`](Self::tasks) each row is of.
    pub task: Vec<usize>,
    /// The tasks, each a group of one source.
    pub tasks: Vec<Arc<str>>,
    /// What keeps variants of one question together.
    pub names: Vec<Arc<str>>,
    /// Which column is the large model.
    pub large: usize,
}

impl Cohort {
    /// The prompts of `pool` among `outcomes`. A model that no outcome knows leaves the cohort without a row.
    #[must_use]
    pub fn new(outcomes: &Outcomes, pool: &Pool) -> Self {
        let models: Option<Vec<usize>> =
            pool.models.iter().map(|member| outcomes.model(&member.model)).collect();
        let (mut prompts, mut right, mut joules) = (Vec::new(), Vec::new(), Vec::new());
        for row in outcomes.rows_of(&pool.sources) {
            let answers = models.iter().flatten().map(|model| outcomes.answer(row, *model));
            let Some(answers) = answers.collect::<Option<Vec<_>>>().filter(|all| !all.is_empty()) else {
                continue;
            };
            prompts.push(row);
            for (answer, member) in answers.iter().zip(&pool.models) {
                let written = answer.characters.map(|characters| f64::from(characters) / CHARACTERS);
                right.push(f64::from(u8::from(answer.is_right())));
                joules.push(written.unwrap_or(pool.output_tokens) * member.joules_per_output_token);
            }
        }
        let of = |row: &usize| outcomes.prompts.get(*row);
        let labels: Vec<Arc<str>> = prompts
            .iter()
            .map(|row| of(row).map_or_else(|| "".into(), |prompt| task_name(&prompt.source, &prompt.group)))
            .collect();
        let mut tasks = labels.clone();
        tasks.sort_unstable();
        tasks.dedup();
        let task = labels.iter().map(|label| tasks.binary_search(label).unwrap_or_default()).collect();
        let names = prompts.iter().map(|row| of(row).map_or("", |prompt| &prompt.group_id).into()).collect();
        let shape = (prompts.len(), pool.models.len());
        Self {
            right: Array2::from_shape_vec(shape, right).unwrap_or_default(),
            joules: Array2::from_shape_vec(shape, joules).unwrap_or_default(),
            prompts,
            task,
            tasks,
            names,
            large: pool.large_at().unwrap_or_default(),
        }
    }

    /// Prompts by question: variants of one are no chance of their own.
    #[must_use]
    pub fn by_question(&self) -> Clusters {
        Clusters::by(self.names.iter().map(|name| (!name.is_empty()).then_some(name)))
    }

    /// Prompts by task: what chance draws where tasks to come are others.
    #[must_use]
    pub fn by_task(&self) -> Clusters {
        Clusters::by(self.task.iter().map(Some))
    }

    /// How many prompts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.prompts.len()
    }

    /// Whether there is no prompt.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.prompts.is_empty()
    }

    /// These rows alone; the tasks stay the same.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        fn kept<T: Clone>(all: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().filter_map(|row| all.get(*row).cloned()).collect()
        }
        Self {
            prompts: kept(&self.prompts, rows),
            right: self.right.select(Axis(0), rows),
            joules: self.joules.select(Axis(0), rows),
            task: kept(&self.task, rows),
            tasks: self.tasks.clone(),
            names: kept(&self.names, rows),
            large: self.large,
        }
    }
}

/// A group of a source, by name: `source/group`.
#[must_use]
pub fn task_name(source: &str, group: &str) -> Arc<str> {
    format!("{source}/{group}").into()
}

#[cfg(test)]
mod tests {
    use super::super::data::Prompt;
    use super::super::pool::Member;
    use super::*;

    #[test]
    fn a_cohort_has_the_prompts_that_all_models_answered() {
        let prompt = |id: &str, group: &str| Prompt {
            id: id.into(),
            source: "quiz".into(),
            text: String::new(),
            caps: Vec::new(),
            group: group.into(),
            group_id: id.into(),
            meta: serde_json::Map::new(),
        };
        let outcomes = Outcomes::new(
            vec![prompt("a", "birds"), prompt("b", "ants"), prompt("c", "birds")],
            vec![
                ("a".into(), "small".into(), 0.5, Some(400)),
                ("a".into(), "large".into(), 1.0, None),
                ("b".into(), "small".into(), 1.0, None),
                ("c".into(), "large".into(), 0.0, Some(8)),
                ("c".into(), "small".into(), 0.6, None),
            ],
        );
        let member = |name: &str, joules| Member { model: name.into(), joules_per_output_token: joules };
        let pool = Pool {
            sources: vec!["quiz".into()],
            large: "large".into(),
            output_tokens: 50.0,
            models: vec![member("small", 0.1), member("large", 1.0)],
        };
        let cohort = Cohort::new(&outcomes, &pool);
        assert_eq!(cohort.prompts, [0, 2]);
        assert_eq!(cohort.right, ndarray::array![[0.0, 1.0], [1.0, 0.0]], "half right is not right");
        assert_eq!(cohort.joules, ndarray::array![[10.0, 50.0], [5.0, 2.0]]);
        assert_eq!((cohort.tasks.len(), cohort.large), (1, 1));
        assert_eq!((cohort.by_task().count(), cohort.by_question().count()), (1, 2));
        assert_eq!(cohort.select(&[1]).prompts, [2]);
        let unknown = Pool { models: vec![member("large", 1.0), member("gone", 1.0)], ..pool };
        assert!(Cohort::new(&outcomes, &unknown).is_empty());
    }
}
