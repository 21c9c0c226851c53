use crate::coefficients::Coefficients;
use crate::roofline::band;
use greenroute_core::Spread;
use greenroute_core::model::{ModelCard, Size, Span};

/// The usual answer, at which the ends of a band are compared.
pub(crate) const USUAL_OUTPUT: f64 = 400.0;

/// From mxfp4 to bf16, as in the fits: what is assumed of a precision that nobody names.
const UNKNOWN_BYTES: Span = Span { low: 0.55, high: 2.0 };

/// Parameters and bytes as far as they are known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) total: Span,
    pub(crate) active: Span,
    pub(crate) bytes: Span,
}

/// Total, active, bytes.
pub(crate) type Point = (f64, f64, f64);

impl Sizes {
    pub(crate) fn of(card: &ModelCard) -> Option<Self> {
        card.size.as_ref().map(|Size { total, active, bytes_per_parameter }| Self {
            total: *total,
            active: *active,
            bytes: bytes_per_parameter.map_or(UNKNOWN_BYTES, Span::known),
        })
    }

    /// Of a model whose maker does not tell.
    pub(crate) const fn unknown(total: Span, active: Span) -> Self {
        Self { total, active, bytes: UNKNOWN_BYTES }
    }

    pub(crate) fn middle(&self) -> Point {
        self.point(Span::middle)
    }

    pub(crate) fn low(&self) -> Point {
        self.point(|span| span.low)
    }

    pub(crate) fn high(&self) -> Point {
        self.point(|span| span.high)
    }

    fn point(&self, of: fn(&Span) -> f64) -> Point {
        let total = of(&self.total);
        (total, of(&self.active).min(total), of(&self.bytes))
    }

    /// The least memory, in 10⁹ bytes, that the weights may take.
    pub(crate) fn least_gb(&self) -> f64 {
        self.total.low * self.bytes.low
    }

    /// How far off the energy may be because the size is: from the joules at its low end, middle and high end; and as
    /// much again by the fit's own figure where a size or the bytes lie outside those that it saw.
    pub(crate) fn spread(&self, fit: &Coefficients, low: f64, middle: f64, high: f64) -> Spread {
        let ends = Spread::of((low / middle).min(1.0), (high / middle).max(1.0));
        let seen = [("total", &self.total), ("active", &self.active), ("bytes", &self.bytes)];
        if seen.iter().all(|(name, span)| fit.saw(name, span.middle())) {
            ends
        } else {
            ends.and(band(fit, "other_size"))
        }
    }
}
