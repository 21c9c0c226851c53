use greenroute_core::units::Power;

/// Watts of one memory module, and the least of all of them together: two modules.
const X86: (f64, f64) = (5.0, 10.0);
const ARM: (f64, f64) = (1.5, 3.0);

/// Modules up to so many GB, in smaller machines.
const SMALL: [(f64, u32); 5] = [(2.0, 1), (16.0, 2), (32.0, 4), (64.0, 4), (128.0, 8)];
/// Sizes of modules in GB, of which a larger machine has at least eight and at most 32.
const SIZES: [f64; 6] = [128.0, 64.0, 32.0, 16.0, 8.0, 4.0];
const LEAST: u32 = 8;
const MOST: u32 = 32;

/// How many memory modules codecarbon guesses in a machine of `gigabytes`.
#[must_use]
pub fn memory_modules(gigabytes: f64) -> u32 {
    if let Some((_, modules)) = SMALL.iter().find(|(most, _)| gigabytes <= *most) {
        return *modules;
    }
    let size = SIZES.iter().find(|&&size| size <= gigabytes / f64::from(LEAST));
    let enough = |size: f64| (LEAST..MOST).find(|&modules| f64::from(modules) * size >= gigabytes);
    size.map_or(LEAST, |&size| enough(size).unwrap_or(MOST))
}

/// The power of a machine's memory by codecarbon's rule: five watts a module, on ARM one and a half, each further four
/// or eight at a tenth less, and at least that of two modules.
#[must_use]
pub fn memory_power(gigabytes: f64, arm: bool) -> Power {
    let (each, least) = if arm { ARM } else { X86 };
    let modules = memory_modules(gigabytes);
    let from_to = |from: u32, to: u32| f64::from(modules.min(to).saturating_sub(from));
    let watts = each * from_to(0, 4)
        + each * 0.9 * from_to(4, 8)
        + each * 0.8 * from_to(8, 16)
        + each * 0.7 * from_to(16, u32::MAX);
    Power::from_watts(watts.max(least))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_size_has_modules() {
        let sizes = [
            (f64::NEG_INFINITY, 1),
            (2.01, 2),
            (129.0, 9),
            (255.9, 16),
            (256.0, 8),
            (4096.0, 32),
            (f64::INFINITY, 32),
        ];
        for (gigabytes, modules) in sizes {
            assert_eq!(memory_modules(gigabytes), modules, "{gigabytes} GB");
        }
        assert_eq!(memory_modules(f64::NAN), 8);
        assert_eq!(memory_power(4096.0, false), Power::from_watts(126.0));
    }
}
