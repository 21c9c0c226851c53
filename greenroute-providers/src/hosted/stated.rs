//! Energy that a provider states for one answer. Four forms are known; emissions that some of them add are passed
//! over, since greenroute computes all emissions from one grid, so that they can be compared.
//!
//! | who | where | unit | includes |
//! |---|---|---|---|
//! | Neuralwatt | `energy.energy_joules` in the answer; in a stream the comment `energy {…}` | J | not said: [`Boundary::Device`] |
//! | GreenPT | `impact.energy{total, unit}` | `Wms`, which is mJ | CPUs and PUE, all estimated |
//! | Melious | `environment_impact.energy_kwh` | kWh | PUE, all estimated |
//! | draft Energy Disclosure Standard | `usage.energy`, or the comment `energy {…}` | J, Wh or kWh | not said: [`Boundary::Device`] |
//!
//! What is not said to be included counts as not included: its overheads are added, and nothing is understated.

use greenroute_core::units::Energy;
use greenroute_core::{Boundary, Estimate, MeterId, Method, Reading};
use serde_json::Value;

/// What a provider states of the energy of one answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stated {
    /// Nothing.
    None,
    /// An energy that can be true.
    Reading(Reading),
    /// Something that cannot be used, and why: for a note.
    Unusable(String),
}

/// No answer takes more: a node of sixteen accelerators takes eight minutes for it.
const MAX_JOULES: f64 = 10e6;
const JOULES_PER_WH: f64 = 3600.0;

/// What `body`, an answer or the last chunks of one, and the `comments` of its stream state. The first form that is
/// there counts.
pub(crate) fn stated(body: &Value, comments: &[String]) -> Stated {
    let forms: [fn(&Value) -> Stated; 4] = [neuralwatt, greenpt, melious, draft];
    let in_body = forms.iter().map(|form| form(body));
    let in_comments = comments.iter().rev().filter_map(|comment| in_comment(comment));
    in_body.chain(in_comments).find(|stated| *stated != Stated::None).unwrap_or(Stated::None)
}

/// The text of a comment after its colon: `energy {json}`.
fn in_comment(comment: &str) -> Option<Stated> {
    let json = comment.trim().strip_prefix("energy")?.trim_start();
    if !json.starts_with('{') {
        return None;
    }
    Some(match serde_json::from_str::<Value>(json) {
        Ok(energy) if energy.get("energy_joules").is_some() || energy.get("energy_kwh").is_some() => {
            of_neuralwatt(&energy)
        }
        Ok(energy) => of_draft(&energy),
        Err(error) => Stated::Unusable(format!("the energy in a comment of the stream is no JSON: {error}")),
    })
}

fn neuralwatt(body: &Value) -> Stated {
    body.get("energy").map_or(Stated::None, of_neuralwatt)
}

fn of_neuralwatt(energy: &Value) -> Stated {
    let number = first(energy, &[("energy_joules", 1.0), ("energy_kwh", 1000.0 * JOULES_PER_WH)]);
    number.reading(MeterId::new("neuralwatt", 1), Method::Reported, Boundary::Device)
}

fn greenpt(body: &Value) -> Stated {
    let Some(energy) = body.pointer("/impact/energy") else {
        return Stated::None;
    };
    let per_unit = match energy.get("unit").and_then(Value::as_str) {
        Some("Wms") => 1e-3,
        Some("Ws") => 1.0,
        Some("Wh") => JOULES_PER_WH,
        Some("kWh") => 1000.0 * JOULES_PER_WH,
        unit => {
            let unit = unit.map_or_else(|| "no unit".to_owned(), |unit| format!("the unknown unit `{unit}`"));
            return Stated::Unusable(format!("the provider states energy with {unit}"));
        }
    };
    let number = first(energy, &[("total", per_unit)]);
    number.reading(MeterId::new("greenpt", 1), Method::Modelled, Boundary::Facility)
}

fn melious(body: &Value) -> Stated {
    let Some(impact) = body.get("environment_impact") else {
        return Stated::None;
    };
    let number = first(impact, &[("energy_kwh", 1000.0 * JOULES_PER_WH)]);
    number.reading(MeterId::new("melious", 1), Method::Modelled, Boundary::Facility)
}

fn draft(body: &Value) -> Stated {
    body.pointer("/usage/energy").map_or(Stated::None, of_draft)
}

fn of_draft(energy: &Value) -> Stated {
    let method = match energy.get("source").and_then(Value::as_str) {
        Some("measured") => Method::Reported,
        // Who does not say that it was measured has not measured it.
        _ => Method::Modelled,
    };
    let units = [("joules", 1.0), ("wh", JOULES_PER_WH), ("kwh", 1000.0 * JOULES_PER_WH)];
    first(energy, &units).reading(MeterId::new("energy-disclosure", 1), method, Boundary::Device)
}

/// The first of `fields` that `object` has, in joules.
fn first(object: &Value, fields: &[(&str, f64)]) -> Joules {
    let present = |(name, per_unit): &(&str, f64)| match object.get(name) {
        None | Some(Value::Null) => None,
        Some(value) => Some(value.as_f64().map(|number| number * per_unit)),
    };
    match fields.iter().find_map(present) {
        Some(Some(joules)) => Joules::Number(joules),
        Some(None) => Joules::NoNumber,
        // An object without a number states nothing, such as `"energy": null` or an answer that was not metered.
        None => Joules::Absent,
    }
}

enum Joules {
    Absent,
    NoNumber,
    Number(f64),
}

impl Joules {
    fn reading(self, meter: MeterId, method: Method, boundary: Boundary) -> Stated {
        let joules = match self {
            Self::Absent => return Stated::None,
            Self::NoNumber => return Stated::Unusable("the provider's energy is not a number".to_owned()),
            Self::Number(joules) => joules,
        };
        if !(joules > 0.0 && joules < MAX_JOULES) {
            return Stated::Unusable(format!("the provider's {joules} J cannot be true"));
        }
        let energy = Estimate::exact(Energy::from_joules(joules), method);
        Stated::Reading(Reading::new(energy, boundary, meter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroute_testkit::{Body, Fixture};
    use proptest::prelude::*;
    use serde_json::json;

    /// The body of a recorded answer.
    fn body(name: &str) -> Value {
        match Fixture::named(name).reply.body {
            Body::Json(body) => body,
            other => panic!("{other:?}"),
        }
    }

    fn read(stated: Stated) -> (f64, Method, Boundary, String) {
        match stated {
            Stated::Reading(reading) => {
                let joules = reading.energy.value().as_joules();
                (joules, reading.method(), reading.boundary, reading.meter.to_string())
            }
            other => panic!("{other:?}"),
        }
    }

    fn is_close(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= 1e-9 * expected
    }

    /// The chunks of a recorded stream and its comments.
    fn frames(name: &str) -> (Vec<Value>, Vec<String>) {
        let Body::Frames(frames) = Fixture::named(name).reply.body else { panic!("{name} is no stream") };
        let frames: Vec<String> =
            frames.iter().map(|frame| String::from_utf8(frame.to_vec()).unwrap().trim().to_owned()).collect();
        let data = frames.iter().filter_map(|frame| frame.strip_prefix("data: "));
        let chunks = data.filter_map(|data| serde_json::from_str(data).ok()).collect();
        let comments = frames.iter().filter_map(|frame| frame.strip_prefix(": ")).map(str::to_owned);
        (chunks, comments.collect())
    }

    #[test]
    fn neuralwatt_states_what_its_devices_took() {
        let whole = read(stated(&body("neuralwatt_chat"), &[]));
        assert_eq!(whole, (123.4, Method::Reported, Boundary::Device, "neuralwatt@1".to_owned()));
        let (chunks, comments) = frames("neuralwatt_stream");
        assert_eq!(comments.len(), 1);
        assert_eq!(read(stated(chunks.last().unwrap(), &comments)), whole);
    }

    #[test]
    fn greenpt_estimates_with_its_building_in_watt_milliseconds() {
        let (joules, method, boundary, meter) = read(stated(&body("greenpt_chat"), &[]));
        assert!(is_close(joules, 40.433), "{joules}");
        assert_eq!((method, boundary, meter.as_str()), (Method::Modelled, Boundary::Facility, "greenpt@1"));
        let (chunks, comments) = frames("greenpt_stream");
        assert!(is_close(read(stated(chunks.last().unwrap(), &comments)).0, 40.433));
    }

    #[test]
    fn melious_estimates_with_its_building() {
        let (joules, method, boundary, meter) = read(stated(&body("melious_chat"), &[]));
        assert!(is_close(joules, 540.0), "{joules}");
        assert_eq!((method, boundary, meter.as_str()), (Method::Modelled, Boundary::Facility, "melious@1"));
    }

    #[test]
    fn the_draft_standard_is_measured_only_where_it_says_so() {
        let of = |energy: Value| read(stated(&json!({"usage": {"energy": energy}}), &[]));
        assert_eq!(of(json!({"joules": 5.0, "source": "measured"})).1, Method::Reported);
        assert_eq!(of(json!({"joules": 5.0, "source": "estimated"})).1, Method::Modelled);
        assert_eq!(of(json!({"wh": 0.5})).0, 1800.0);
        assert!(is_close(of(json!({"kwh": 0.0005})).0, 1800.0));
        let comment = ["energy {\"joules\": 7, \"source\": \"measured\"}".to_owned()];
        let (joules, method, boundary, meter) = read(stated(&Value::Null, &comment));
        assert_eq!((joules, method, boundary), (7.0, Method::Reported, Boundary::Device));
        assert_eq!(meter, "energy-disclosure@1");
    }

    #[test]
    fn an_unknown_unit_and_an_impossible_number_are_named() {
        let unusable = |body: Value| match stated(&body, &[]) {
            Stated::Unusable(why) => why,
            other => panic!("{other:?}"),
        };
        let unit = unusable(json!({"impact": {"energy": {"total": 5, "unit": "BTU"}}}));
        assert_eq!(unit, "the provider states energy with the unknown unit `BTU`");
        let bare = unusable(json!({"impact": {"energy": {"total": 5}}}));
        assert_eq!(bare, "the provider states energy with no unit");
        for joules in [json!(0), json!(-1.0), json!(1e7), json!(1e300)] {
            let why = unusable(json!({"energy": {"energy_joules": joules}}));
            assert!(why.ends_with("J cannot be true"), "{why}");
        }
        assert!(unusable(json!({"environment_impact": {"energy_kwh": "much"}})).contains("not a number"));
        assert!(matches!(stated(&Value::Null, &["energy {\"joules\"".to_owned()]), Stated::Unusable(_)));
    }

    #[test]
    fn what_states_nothing_is_nothing() {
        for body in [
            json!({}),
            json!({"energy": null}),
            json!({"energy": {"energy_joules": null}}),
            json!({"impact": {}, "usage": {"energy": null}}),
            json!([1, 2]),
        ] {
            assert_eq!(stated(&body, &["ping".to_owned(), "energy soon".to_owned()]), Stated::None, "{body}");
        }
    }

    proptest! {
        #[test]
        fn a_stated_energy_is_always_within_bounds(number in proptest::num::f64::ANY) {
            let body = json!({"energy": {"energy_joules": number}});
            if let Stated::Reading(reading) = stated(&body, &[]) {
                let joules = reading.energy.value().as_joules();
                prop_assert!(joules > 0.0 && joules < MAX_JOULES);
            }
        }

        #[test]
        fn no_comment_makes_it_panic(comment in "(energy ?)?\\PC{0,40}") {
            let _ = stated(&Value::Null, &[comment]);
        }
    }
}
