use crate::units::Quantity;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Add, Mul};

/// How a number is known, weakest first: whatever is computed from several numbers is as weak as the weakest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// A rule of thumb on something else, such as a price or a token count.
    Proxy,
    /// A fitted or physical model of the device. A provider's own "estimate" belongs here.
    Modelled,
    /// An instrument on the machine that did the work.
    Measured,
    /// A figure stated by whoever did the work.
    Reported,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proxy => "proxy",
            Self::Modelled => "modelled",
            Self::Measured => "measured",
            Self::Reported => "reported",
        })
    }
}

/// A number with its 5 % and 95 % quantiles and how it is known. No number in greenroute travels without them.
///
/// `low ≤ value ≤ high` always holds.
///
/// * `×` combines the log-widths in quadrature: errors of an energy and of a carbon intensity are independent.
/// * `+` adds endpoint to endpoint: errors of one meter over several attempts are shared.
///
/// ```
/// use greenroute_core::units::{CarbonIntensity, Energy};
/// use greenroute_core::{Estimate, Method};
/// let energy = Estimate::scaled(Energy::from_joules(100.0), 0.5, 2.0, Method::Modelled);
/// let grid = Estimate::exact(CarbonIntensity::from_grams_per_kwh(360.0), Method::Reported);
/// assert_eq!((energy * grid).to_string(), "10.0 mgCO2e (5.00 mgCO2e–20.0 mgCO2e, modelled)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate<T> {
    low: T,
    value: T,
    high: T,
    method: Method,
}

impl<T: Quantity> Estimate<T> {
    /// A number without a band: a price list entry, a count, a reading whose error is negligible.
    #[must_use]
    pub const fn exact(value: T, method: Method) -> Self {
        Self { low: value, value, high: value, method }
    }

    /// A number with its quantiles; an end on the wrong side of `value` moves to it.
    #[must_use]
    pub fn banded(low: T, value: T, high: T, method: Method) -> Self {
        let low = if low <= value { low } else { value };
        let high = if high >= value { high } else { value };
        Self { low, value, high, method }
    }

    /// A number with a multiplicative band: `low = value × down`, `high = value × up`.
    ///
    /// `down` above 1 and `up` below 1 count as 1.
    #[must_use]
    pub fn scaled(value: T, down: f64, up: f64, method: Method) -> Self {
        Self::banded(T::from_base(value.base() * down), value, T::from_base(value.base() * up), method)
    }

    /// The 5 % quantile.
    #[must_use]
    pub const fn low(&self) -> T {
        self.low
    }

    /// The central value.
    #[must_use]
    pub const fn value(&self) -> T {
        self.value
    }

    /// The 95 % quantile.
    #[must_use]
    pub const fn high(&self) -> T {
        self.high
    }

    /// How the number is known.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The same number, known no better than `method`.
    #[must_use]
    pub fn at_best(self, method: Method) -> Self {
        Self { method: self.method.min(method), ..self }
    }

    /// The same number with a band that reaches at least from `down` to `up` times the value.
    #[must_use]
    pub fn widened(self, down: f64, up: f64) -> Self {
        let (low, high) = (T::from_base(self.value.base() * down), T::from_base(self.value.base() * up));
        let low = if low < self.low { low } else { self.low };
        let high = if high > self.high { high } else { self.high };
        Self { low, high, ..self }
    }

    /// The low end, the value and the high end in the base unit.
    #[inline]
    pub(crate) fn ends(&self) -> [f64; 3] {
        [self.low, self.value, self.high].map(Quantity::base)
    }

    /// What may have happened in whole, in part or not at all: from nothing to all of it, half of it in the middle.
    #[must_use]
    pub(crate) fn perhaps(self) -> Self {
        let [none, half] = [0.0, 0.5].map(|share| T::from_base(self.value.base() * share));
        Self::banded(none, half, self.high, Method::Proxy)
    }

    /// Each of the three numbers through `f`, which must not decrease.
    #[must_use]
    pub fn map<U: Quantity>(self, f: impl Fn(T) -> U) -> Estimate<U> {
        Estimate::banded(f(self.low), f(self.value), f(self.high), self.method)
    }

    /// Whether the two bands overlap, so that the two numbers cannot be ordered with confidence.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

impl<A, B> Mul<Estimate<B>> for Estimate<A>
where
    A: Quantity + Mul<B>,
    B: Quantity,
    <A as Mul<B>>::Output: Quantity,
{
    type Output = Estimate<<A as Mul<B>>::Output>;

    fn mul(self, other: Estimate<B>) -> Self::Output {
        let value = self.value * other.value;
        let method = self.method.min(other.method);
        if value.base() == 0.0 {
            return Estimate::banded(value, value, self.high * other.high, method);
        }
        Estimate::with_spread(value, self.spread().and(other.spread()), method)
    }
}

/// How far a number may be off: the squares of the logarithms of a factor down and a factor up, which is what
/// independent errors add up. Worked out once for a factor that many estimates are multiplied by, it spares the
/// logarithms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    down: f64,
    up: f64,
}

impl Spread {
    /// From a factor of at most 1 to one of at least 1.
    #[must_use]
    pub fn of(down: f64, up: f64) -> Self {
        Self { down: down.ln().powi(2), up: up.ln().powi(2) }
    }

    /// The same factor both ways, by its logarithm.
    #[must_use]
    pub fn even(logarithm: f64) -> Self {
        Self { down: logarithm * logarithm, up: logarithm * logarithm }
    }

    /// Both errors, independent of each other: that of a product.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { down: self.down + other.down, up: self.up + other.up }
    }
}

impl<T: Quantity> Estimate<T> {
    /// How far it may be off. An end at zero is infinitely far.
    #[must_use]
    pub fn spread(&self) -> Spread {
        let square = |upper: T, lower: T| {
            if upper == lower { 0.0 } else { (upper.base() / lower.base()).ln().powi(2) }
        };
        Spread { down: square(self.value, self.low), up: square(self.high, self.value) }
    }

    /// A number that may be off by `spread`.
    #[must_use]
    pub fn with_spread(value: T, spread: Spread, method: Method) -> Self {
        let (down, up) = (spread.down.sqrt(), spread.up.sqrt());
        Self::scaled(value, (-down).exp(), up.exp(), method)
    }
}

impl<T: Quantity + Add<Output = T>> Add for Estimate<T> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            low: self.low + other.low,
            value: self.value + other.value,
            high: self.high + other.high,
            method: self.method.min(other.method),
        }
    }
}

impl<T: Quantity> fmt::Display for Estimate<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.write(f)?;
        if self.low == self.high {
            return write!(f, " ({})", self.method);
        }
        f.write_str(" (")?;
        self.low.write(f)?;
        f.write_str("–")?;
        self.high.write(f)?;
        write!(f, ", {})", self.method)
    }
}

/// A map whose keys carry the unit: `{"joules": 4.2, "joules_low": 3.0, "joules_high": 6.0, "method": "measured"}`.
impl<T: Quantity> Serialize for Estimate<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry(T::FIELD, &self.value.base())?;
        map.serialize_entry(T::FIELD_LOW, &self.low.base())?;
        map.serialize_entry(T::FIELD_HIGH, &self.high.base())?;
        map.serialize_entry("method", &self.method)?;
        map.end()
    }
}

impl<'de, T: Quantity> Deserialize<'de> for Estimate<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EstimateVisitor(PhantomData))
    }
}

struct EstimateVisitor<T>(PhantomData<T>);

impl<'de, T: Quantity> Visitor<'de> for EstimateVisitor<T> {
    type Value = Estimate<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an estimate with `{}`, `{}`, `{}` and `method`", T::FIELD, T::FIELD_LOW, T::FIELD_HIGH)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let (mut low, mut value, mut high, mut method) = (None, None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "method" => method = Some(map.next_value()?),
                key if key == T::FIELD => value = Some(in_range::<T, M::Error>(key, map.next_value()?)?),
                key if key == T::FIELD_LOW => low = Some(in_range::<T, M::Error>(key, map.next_value()?)?),
                key if key == T::FIELD_HIGH => high = Some(in_range::<T, M::Error>(key, map.next_value()?)?),
                other => return Err(M::Error::custom(format!("an estimate has no field `{other}`"))),
            }
        }
        let value: T = value.ok_or_else(|| M::Error::missing_field(T::FIELD))?;
        let method = method.ok_or_else(|| M::Error::missing_field("method"))?;
        let (low, high) = (low.unwrap_or(value), high.unwrap_or(value));
        if low <= value && value <= high {
            Ok(Estimate { low, value, high, method })
        } else {
            Err(M::Error::custom(format!("`{}` must lie between its low and its high", T::FIELD)))
        }
    }
}

fn in_range<T: Quantity, E: serde::de::Error>(field: &str, number: f64) -> Result<T, E> {
    let held = T::from_base(number);
    // What a type rounds, whole tokens or the nanoseconds of a time, is no fault; what it moves into its range is.
    let rounding = if T::WHOLE { 0.5 } else { 1e-9 * number.abs() };
    if number >= 0.0 && (held.base() - number).abs() <= rounding {
        Ok(held)
    } else {
        Err(E::custom(format!("`{field}` is out of range: {number}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{CarbonIntensity, Energy, Pue, Tokens};
    use proptest::prelude::*;

    fn joules(low: f64, value: f64, high: f64, method: Method) -> Estimate<Energy> {
        let [low, value, high] = [low, value, high].map(Energy::from_joules);
        Estimate::banded(low, value, high, method)
    }

    fn estimates() -> impl Strategy<Value = Estimate<Energy>> {
        let method = prop_oneof![Just(Method::Proxy), Just(Method::Modelled), Just(Method::Reported)];
        (0.0..1e6f64, 0.0..1.0f64, 1.0..50.0f64, method)
            .prop_map(|(v, down, up, m)| Estimate::scaled(Energy::from_joules(v), down, up, m))
    }

    fn ordered<T: Quantity>(estimate: &Estimate<T>) -> bool {
        estimate.low() <= estimate.value() && estimate.value() <= estimate.high()
    }

    #[test]
    fn independent_errors_combine_in_quadrature() {
        let energy = joules(1.0, 10.0, 100.0, Method::Modelled);
        let pue = Estimate::banded(
            Pue::from_ratio(1.0),
            Pue::from_ratio(10.0),
            Pue::from_ratio(100.0),
            Method::Reported,
        );
        let facility = energy * pue;
        let width = (10f64.ln().powi(2) * 2.0).sqrt().exp();
        assert!((facility.high().as_joules() - 100.0 * width).abs() < 1e-9);
        assert!((facility.low().as_joules() - 100.0 / width).abs() < 1e-9);
        assert_eq!(facility.method(), Method::Modelled);
    }

    #[test]
    fn shared_errors_add_endpoint_to_endpoint() {
        let sum = joules(1.0, 2.0, 4.0, Method::Measured) + joules(1.0, 3.0, 5.0, Method::Proxy);
        assert_eq!(sum, joules(2.0, 5.0, 9.0, Method::Proxy));
    }

    #[test]
    fn json_carries_the_unit_and_refuses_a_band_that_misses_its_value() {
        let estimate = joules(3.0, 4.5, 6.0, Method::Measured);
        let json = serde_json::to_string(&estimate).unwrap();
        assert_eq!(json, r#"{"joules":4.5,"joules_low":3.0,"joules_high":6.0,"method":"measured"}"#);
        assert_eq!(serde_json::from_str::<Estimate<Energy>>(&json).unwrap(), estimate);
        for (bad, says) in [
            (r#"{"joules":4.5,"joules_low":5.0,"method":"measured"}"#, "between its low and its high"),
            (r#"{"joules":-4.5,"method":"measured"}"#, "`joules` is out of range: -4.5"),
            (r#"{"joules":-0.3,"method":"measured"}"#, "`joules` is out of range: -0.3"),
            (r#"{"joules":4.5}"#, "missing field `method`"),
            (r#"{"wh":4.5,"method":"measured"}"#, "no field `wh`"),
        ] {
            let error = serde_json::from_str::<Estimate<Energy>>(bad).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        let tokens: Estimate<Tokens> = serde_json::from_str(r#"{"tokens":12.4,"method":"proxy"}"#).unwrap();
        assert_eq!(tokens.value(), Tokens::new(12));
    }

    proptest! {
        #[test]
        fn quantiles_stay_ordered(a in estimates(), b in estimates(), g in 0.0..2000.0f64, w in 1.0..3.0f64) {
            let grid = Estimate::scaled(CarbonIntensity::from_grams_per_kwh(g), 1.0 / w, w, Method::Reported);
            prop_assert!(ordered(&(a + b)) && ordered(&(a * grid)) && ordered(&a.widened(0.5, 2.0)));
        }

        #[test]
        fn the_weakest_method_wins(a in estimates(), b in estimates()) {
            prop_assert_eq!((a + b).method(), a.method().min(b.method()));
        }

        #[test]
        fn emissions_scale_with_intensity(a in estimates(), g in 0.1..2000.0f64) {
            let once = a * Estimate::exact(CarbonIntensity::from_grams_per_kwh(g), Method::Reported);
            let twice = a * Estimate::exact(CarbonIntensity::from_grams_per_kwh(2.0 * g), Method::Reported);
            let (once, twice) = (once.value().as_grams(), twice.value().as_grams());
            prop_assert!((2.0 * once - twice).abs() <= 1e-12 * twice.max(1.0));
        }

        #[test]
        fn json_round_trips(a in estimates()) {
            let json = serde_json::to_string(&a).unwrap();
            let read: Estimate<Energy> = serde_json::from_str(&json).unwrap();
            prop_assert!((read.value().as_joules() - a.value().as_joules()).abs() <= 1e-9);
            prop_assert_eq!(read.method(), a.method());
        }
    }
}
