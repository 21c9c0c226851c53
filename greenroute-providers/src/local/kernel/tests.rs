use super::*;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{Device, Tensor};
use proptest::prelude::*;
use std::borrow::Cow;

const FORMATS: [(Format, GgmlDType); 3] =
    [(Format::Q8_0, GgmlDType::Q8_0), (Format::Q4K, GgmlDType::Q4K), (Format::Q6K, GgmlDType::Q6K)];

/// Numbers between -1 and 1 that look random.
fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [a, b, ..] = state.to_le_bytes();
        f32::from(i16::from_le_bytes([a, b])) / 32768.0
    };
    (0..count).map(next).collect()
}

fn quantised(dtype: GgmlDType, rows: usize, columns: usize, seed: u64) -> QTensor {
    let floats = Tensor::from_vec(noise(seed, rows * columns), (rows, columns), &Device::Cpu).unwrap();
    QTensor::quantize(&floats, dtype).unwrap()
}

fn blocks(format: Format, weights: &QTensor) -> Blocks {
    let (rows, columns) = weights.shape().dims2().unwrap();
    Blocks::new(format, rows, columns, weights.data().unwrap().into_owned()).unwrap()
}

fn decoded(blocks: &Blocks) -> Vec<f32> {
    let mut all = Vec::new();
    assert!((0..blocks.rows()).all(|row| blocks.decode_row(row, &mut all)));
    assert!(!blocks.decode_row(blocks.rows(), &mut all));
    all
}

fn bits(floats: &[f32]) -> Vec<u32> {
    floats.iter().map(|float| float.to_bits()).collect()
}

#[test]
fn rows_decode_as_candle_decodes_them() {
    for (format, dtype) in FORMATS {
        for rows in 1..40 {
            let weights = quantised(dtype, rows, 512, 7);
            let theirs =
                weights.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(decoded(&blocks(format, &weights)), theirs, "{format:?} {rows}");
        }
    }
}

#[test]
fn every_pattern_of_bits_decodes_as_candle_decodes_it() {
    for (format, dtype) in FORMATS {
        let bytes: Vec<u8> =
            noise(3, format.block_bytes() * 64).iter().map(|x| x.to_bits().to_le_bytes()[2]).collect();
        let columns = format.block_len();
        let storage = QStorage::from_data(Cow::Owned(bytes.clone()), &Device::Cpu, dtype).unwrap();
        let theirs = QTensor::new(storage, (64, columns)).unwrap().dequantize(&Device::Cpu).unwrap();
        let theirs = theirs.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let ours = decoded(&Blocks::new(format, 64, columns, bytes).unwrap());
        let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
        assert!(ours.iter().zip(&theirs).all(same), "{format:?}");
    }
}

#[test]
fn a_half_float_is_the_number_that_it_stands_for() {
    for bits in 0..=u16::MAX {
        let [low, high] = bits.to_le_bytes();
        let exponent = i32::from(bits >> 10 & 31);
        let mantissa = f64::from(bits & 1023);
        let size = match exponent {
            0 => mantissa * 2.0_f64.powi(-24),
            31 if mantissa > 0.0 => f64::NAN,
            31 => f64::INFINITY,
            _ => (1024.0 + mantissa) * 2.0_f64.powi(exponent - 25),
        };
        let expected = if bits >> 15 == 1 { -size } else { size };
        let found = f64::from(block::half(low, high));
        assert!(found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(), "{bits:x}");
    }
}

#[test]
fn a_shape_that_the_bytes_do_not_have_is_refused() {
    assert!(Blocks::new(Format::Q8_0, 2, 64, vec![0; 4 * 34]).is_some());
    for (rows, columns, bytes) in [(2, 64, 135), (2, 33, 68), (2, 0, 0), (usize::MAX, 64, 68)] {
        assert!(Blocks::new(Format::Q8_0, rows, columns, vec![0; bytes]).is_none(), "{rows} {columns}");
    }
    assert!(Blocks::new(Format::Q4K, 1, 128, vec![0; 72]).is_none());
}

#[test]
fn extreme_weights_and_inputs_do_not_overflow() {
    // Scale 1, then every bit set: the largest factors and numbers; for Q6_K also the most negative ones.
    for (format, _) in FORMATS {
        for fill in [0xff, 0x00, 0x80, 0x7f] {
            let mut bytes = vec![fill; format.block_bytes()];
            match format {
                Format::Q8_0 => bytes[..2].copy_from_slice(&[0, 0x3c]),
                Format::Q4K => bytes[..4].copy_from_slice(&[0, 0x3c, 0, 0x3c]),
                Format::Q6K => bytes[208..].copy_from_slice(&[0, 0x3c]),
            }
            let columns = format.block_len();
            let weights = Blocks::new(format, 1, columns, bytes).unwrap();
            let sum: f32 = decoded(&weights).iter().sum();
            for cpu in Cpu::all() {
                let found = product_on(cpu, [&weights].into_iter(), &vec![-1.0; columns]);
                assert!(
                    (found[0] + sum).abs() <= sum.abs() * 1e-5 + 0.1,
                    "{cpu:?} {format:?} {fill}: {found:?} {sum}"
                );
            }
        }
    }
}

#[test]
fn a_fault_in_the_inputs_reaches_the_outputs() {
    let weights = blocks(Format::Q8_0, &quantised(GgmlDType::Q8_0, 2, 32, 1));
    for bad in [f32::NAN, f32::INFINITY] {
        let mut x = noise(2, 64);
        x[5] = bad;
        let out = product([&weights].into_iter(), &x);
        assert!(out[..2].iter().all(|out| !out.is_finite()) && out[2..].iter().all(|out| out.is_finite()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn products_are_those_of_the_definition(
        seed in any::<u64>(),
        shapes in prop::collection::vec((0usize..3, 1usize..40), 1..4),
        chunks in 1usize..9,
        m in 1usize..20,
    ) {
        let large = shapes.iter().any(|(format, _)| *format > 0);
        let columns = if large { 256 * chunks.div_ceil(3) } else { 32 * chunks };
        let matrices: Vec<Blocks> = shapes.iter().map(|(format, rows)| {
            let (format, dtype) = FORMATS[*format];
            blocks(format, &quantised(dtype, *rows, columns, seed))
        }).collect();
        let x = noise(seed ^ 99, m * columns);
        let weights: Vec<f32> = matrices.iter().flat_map(decoded).collect();
        let rows = weights.len() / columns;
        for cpu in Cpu::all() {
            let out = product_on(cpu, matrices.iter(), &x);
            prop_assert_eq!(out.len(), m * rows);
            for (x, out) in x.chunks(columns).zip(out.chunks(rows)) {
                for (weights, out) in weights.chunks(columns).zip(out) {
                    let terms = || weights.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x));
                    let expected = terms().sum::<f64>();
                    let size = terms().map(f64::abs).sum::<f64>();
                    prop_assert!((f64::from(*out) - expected).abs() < 1e-4 * (size + 1.0), "{:?} {} {}", cpu, out, expected);
                }
                // Alone it is the same to the last bit.
                let alone = product_on(cpu, matrices.iter(), x);
                prop_assert_eq!(bits(&alone), bits(out));
            }
        }
    }
}

#[test]
fn threads_and_company_change_no_bit() {
    for (format, dtype) in FORMATS {
        let weights = blocks(format, &quantised(dtype, 203, 512, 5));
        let x = noise(11, 9 * 512);
        let on = |threads: usize, x: &[f32]| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| bits(&product([&weights].into_iter(), x)))
        };
        let whole = on(1, &x);
        assert!((2..5).all(|threads| on(threads, &x) == whole));
        let alone: Vec<u32> = x.chunks(512).flat_map(|x| on(3, x)).collect();
        assert_eq!(alone, whole);
    }
}
