//! The benchmark's runs, and what of them cannot be used.

use greenroute_energy::Accelerator;
use std::collections::HashMap;

/// The tasks whose runs are text in, text out.
pub(crate) const TASKS: [&str; 3] = ["gpqa", "lm-arena-chat", "sourcegraph-fim"];
/// The task whose prompts are long and whose answers are short.
pub(crate) const PROMPT_HEAVY: &str = "sourcegraph-fim";

/// One measured run.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) task: String,
    pub(crate) model: String,
    pub(crate) family: String,
    pub(crate) mamba: bool,
    pub(crate) total: f64,
    pub(crate) active: f64,
    pub(crate) precision: String,
    pub(crate) bytes: f64,
    pub(crate) gpu: String,
    pub(crate) tdp: f64,
    pub(crate) bandwidth: f64,
    pub(crate) peak: f64,
    pub(crate) count: f64,
    pub(crate) data_parallel: f64,
    pub(crate) batch: f64,
    pub(crate) batch_limit: f64,
    pub(crate) output: f64,
    pub(crate) joules: f64,
    pub(crate) watts: f64,
    pub(crate) tokens_per_second: f64,
    pub(crate) seconds_per_token: f64,
}

impl Run {
    pub(crate) fn moe(&self) -> bool {
        self.active < self.total
    }

    pub(crate) fn fp8(&self) -> bool {
        self.bytes == 1.0
    }

    /// The same model, board, task and number of boards: what one calibration is about.
    pub(crate) fn deployment(&self) -> String {
        let Self { model, gpu, task, count, .. } = self;
        format!("{model}|{gpu}|{task}|{count}")
    }
}

/// The usable text runs of a file, how many rows it has, and a line for every row that cannot be used.
pub(crate) struct Sheet {
    pub(crate) runs: Vec<Run>,
    pub(crate) rows: usize,
    pub(crate) faults: Vec<String>,
}

/// # Errors
/// A column that the file lacks, or an empty file.
pub(crate) fn read(text: &str) -> Result<Sheet, String> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let (_, header) = lines.next().ok_or("the file is empty")?;
    let columns: HashMap<&str, usize> = header
        .split(',')
        .enumerate()
        .map(|(at, name)| (name.trim().trim_start_matches('\u{feff}'), at))
        .collect();
    for needed in COLUMNS {
        if !columns.contains_key(needed) {
            return Err(format!("line 1: there is no column `{needed}`"));
        }
    }
    let mut sheet = Sheet { runs: Vec::new(), rows: 0, faults: Vec::new() };
    for (at, line) in lines {
        sheet.rows += 1;
        let row = Row { cells: line.split(',').map(str::trim).collect(), columns: &columns };
        match row.run() {
            Ok(Some(run)) => sheet.runs.push(run),
            Ok(None) => {}
            Err(why) => sheet.faults.push(format!("line {}: {why}", at + 1)),
        }
    }
    Ok(sheet)
}

const COLUMNS: [&str; 16] = [
    "task",
    "model_id",
    "family",
    "architecture",
    "total_params_billions",
    "activated_params_billions",
    "weight_precision",
    "gpu_model",
    "num_gpus",
    "max_num_seqs",
    "avg_batch_size",
    "avg_output_len",
    "energy_per_token_joules",
    "avg_power_watts",
    "output_throughput_tokens_per_sec",
    "median_itl_ms",
];

struct Row<'a> {
    cells: Vec<&'a str>,
    columns: &'a HashMap<&'a str, usize>,
}

impl Row<'_> {
    fn text(&self, column: &str) -> Result<&str, String> {
        let cell = self.columns.get(column).and_then(|&at| self.cells.get(at)).copied();
        cell.filter(|cell| !cell.is_empty()).ok_or(format!("column `{column}` is empty"))
    }

    fn number(&self, column: &str) -> Result<f64, String> {
        let cell = self.text(column)?;
        let number = cell.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
        number.ok_or(format!("column `{column}` must be a positive number, not `{cell}`"))
    }

    /// `None` for a task that is not text.
    fn run(&self) -> Result<Option<Run>, String> {
        let task = self.text("task")?.to_owned();
        if !TASKS.contains(&task.as_str()) {
            return Ok(None);
        }
        let precision = self.text("weight_precision")?.to_owned();
        let bytes =
            bytes(&precision).ok_or(format!("column `weight_precision`: `{precision}` is not known"))?;
        let gpu = self.text("gpu_model")?.to_owned();
        let device = Accelerator::named(&gpu).ok_or(format!("column `gpu_model`: `{gpu}` is not known"))?;
        let fact =
            |fact: Option<f64>| fact.ok_or(format!("column `gpu_model`: `{gpu}` has no full data sheet"));
        let (total, active) =
            (self.number("total_params_billions")?, self.number("activated_params_billions")?);
        if active > total {
            return Err("column `activated_params_billions` is above `total_params_billions`".into());
        }
        Ok(Some(Run {
            task,
            model: self.text("model_id")?.to_owned(),
            family: self.text("family")?.to_owned(),
            mamba: self.text("architecture")?.starts_with("Mamba"),
            total,
            active,
            precision,
            bytes,
            tdp: fact(device.tdp.map(greenroute_core::units::Power::as_watts))?,
            bandwidth: fact(device.gb_per_second)?,
            peak: fact(device.half_tflops)?,
            gpu,
            count: self.number("num_gpus")?,
            data_parallel: self.text("data_parallel").map_or(Ok(1.0), |_| self.number("data_parallel"))?,
            batch: self.number("avg_batch_size")?.max(1.0),
            batch_limit: self.number("max_num_seqs")?,
            output: self.number("avg_output_len")?,
            joules: self.number("energy_per_token_joules")?,
            watts: self.number("avg_power_watts")?,
            tokens_per_second: self.number("output_throughput_tokens_per_sec")?,
            seconds_per_token: self.number("median_itl_ms")? / 1000.0,
        }))
    }
}

fn bytes(precision: &str) -> Option<f64> {
    match precision {
        "bfloat16" | "float16" => Some(2.0),
        "fp8" | "int8" => Some(1.0),
        "mxfp4" | "nvfp4" | "int4" => Some(0.55),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "gpqa,m,f,MoE,30,3,fp8,H100,2,64,63.9,900,0.5,800,1600,20";

    fn sheet(rows: &[&str]) -> Result<Sheet, String> {
        read(&format!("{}\n{}\n", COLUMNS.join(","), rows.join("\n")))
    }

    #[test]
    fn a_bad_row_is_named_by_line_and_column_and_the_others_count() {
        let bad = ["Z9", "-5", "nan", "", "inf", "x"]
            .map(|cell| GOOD.replace("H100", cell).replace(",64,", &format!(",{cell},")));
        let mut rows = vec![GOOD, "image-chat,m", "gpqa,m"];
        rows.extend(bad.iter().map(String::as_str));
        let sheet = sheet(&rows).unwrap();
        assert_eq!((sheet.rows, sheet.runs.len(), sheet.faults.len()), (9, 1, 7));
        assert_eq!(sheet.faults[0], "line 4: column `weight_precision` is empty");
        assert_eq!(sheet.faults[1], "line 5: column `gpu_model`: `Z9` is not known");
        let active = GOOD.replace(",30,3,", ",3,30,");
        let faults = self::sheet(&[&active]).unwrap().faults;
        assert_eq!(faults, ["line 2: column `activated_params_billions` is above `total_params_billions`"]);
    }

    #[test]
    fn a_file_that_lacks_a_column_says_which() {
        assert_eq!(read("").err().unwrap(), "the file is empty");
        assert_eq!(read("task,model_id\n").err().unwrap(), "line 1: there is no column `family`");
    }
}
