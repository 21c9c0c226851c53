//! Matrices that lie on a device of candle's, and the products that are computed there.

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{Device, Error, Module, Tensor, bail};
use std::borrow::Cow;
use std::sync::Arc;

type Result<T, E = Error> = std::result::Result<T, E>;

/// One or more matrices of as many columns, one below the other, on one device. What goes in and what comes out
/// lies in the processor's memory. A clone shares the weights.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    device: Device,
    rows: usize,
    columns: usize,
    parts: Vec<QMatMul>,
}

impl Placed {
    /// One of 32-bit floats.
    pub(super) fn floats(weights: &Tensor, device: &Device) -> Result<Self> {
        let (rows, columns) = weights.dims2()?;
        Ok(Self::one(QMatMul::Tensor(weights.to_device(device)?), rows, columns, device))
    }

    /// One of blocks as a GGUF file has them.
    pub(super) fn blocks(
        dtype: GgmlDType,
        rows: usize,
        columns: usize,
        bytes: Vec<u8>,
        device: &Device,
    ) -> Result<Self> {
        let (block, size) = (dtype.block_size(), dtype.type_size());
        let needed = (columns / block).checked_mul(rows).and_then(|blocks| blocks.checked_mul(size));
        if !columns.is_multiple_of(block) || needed != Some(bytes.len()) {
            bail!("the bytes of a matrix are not those of {rows} rows of {columns}");
        }
        let storage = QStorage::from_data(Cow::Owned(bytes), device, dtype)?;
        let weights = QMatMul::QTensor(Arc::new(QTensor::new(storage, (rows, columns))?));
        Ok(Self::one(weights, rows, columns, device))
    }

    fn one(weights: QMatMul, rows: usize, columns: usize, device: &Device) -> Self {
        Self { device: device.clone(), rows, columns, parts: vec![weights] }
    }

    /// One whose product is those of all `stack`, side by side. No weights are copied.
    pub(super) fn stacked(stack: &[&Self]) -> Result<Self> {
        let Some((first, others)) = stack.split_first() else { bail!("there is nothing to stack") };
        let mut all = Self::clone(first);
        for other in others {
            if other.columns != all.columns || !other.device.same_device(&all.device) {
                bail!("matrices of different inputs cannot be stacked");
            }
            all.rows += other.rows;
            all.parts.extend_from_slice(&other.parts);
        }
        Ok(all)
    }

    /// `x · Wᵀ` for the rows of `x`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.to_device(&self.device)?;
        let products = self.parts.iter().map(|part| part.forward(&x)).collect::<Result<Vec<_>>>()?;
        let all = match products.as_slice() {
            [one] => one.clone(),
            products => Tensor::cat(products, 1)?,
        };
        all.to_device(&Device::Cpu)
    }

    /// Its rows `ids`, as floats.
    pub(super) fn rows(&self, ids: &[u32]) -> Result<Tensor> {
        let [table] = self.parts.as_slice() else { bail!("rows are taken of one matrix only") };
        // Kernels of a GPU read whatever lies there.
        for id in ids {
            if usize::try_from(*id).map_err(Error::wrap)? >= self.rows {
                bail!("there is no row {id}");
            }
        }
        let ids = Tensor::new(ids, &self.device)?;
        table.embedding(&ids)?.to_device(&Device::Cpu)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Precision;
    use super::super::fault::FileFault;
    use super::super::kernel::Format;
    use super::super::matrix::Linear;
    use super::super::network::{Context, Network};
    use super::super::open::open;
    use super::*;
    use std::path::Path;

    /// Both families and both kinds of file, tables that are heads too and tables beside a head; and how far logits
    /// may be apart where products are quantised. That is twice what was measured, up to 0.067 for Gemma and 0.016 for
    /// T5: models of random weights make much of every rounding, and candle's kernels round inputs to eight bits.
    const MODELS: [(&str, &[Precision], f32); 6] = [
        ("tiny-gemma3.gguf", &[Precision::Stored, Precision::Eight], 0.14),
        ("tiny-gemma3-quantised.gguf", &[Precision::Stored, Precision::Eight, Precision::Floats], 0.14),
        ("tiny-t5/gated", &[Precision::Stored, Precision::Eight, Precision::Four], 0.032),
        ("tiny-t5/gated.gguf", &[Precision::Floats], 0.0),
        ("tiny-t5/tied", &[Precision::Stored, Precision::Eight], 0.02),
        ("tiny-t5/tied.gguf", &[Precision::Stored], 0.0),
    ];

    fn network(
        file: &str,
        precision: Precision,
        memory: Option<u64>,
        device: Option<Device>,
    ) -> Result<Network, FileFault> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(file);
        open(&path, precision, memory, device).map(|opened| opened.network)
    }

    /// The logits of three requests of unequal lengths that are read in parts and then step together; at the end one
    /// of them steps alone.
    fn logits(network: &Network) -> Vec<f32> {
        let prompt = |len: u32| (0..len).map(|i| (i * 7 + len) % 200 + 3).collect();
        let mut contexts = [17, 1, 40].map(|len| network.begin(prompt(len)).unwrap());
        while contexts.iter().any(|context| context.unread() > 0) {
            let mut unread: Vec<&mut Context> =
                contexts.iter_mut().filter(|context| context.unread() > 0).collect();
            network.read(&mut unread, 16).unwrap();
        }
        let mut all = Vec::new();
        for step in 0..5 {
            let together = if step < 3 { 3 } else { 1 };
            let mut stepping: Vec<&mut Context> = contexts.iter_mut().take(together).collect();
            all.extend(network.step(&mut stepping).unwrap().concat());
            (0..).zip(stepping).for_each(|(i, context)| context.push((step * 13 + i * 5) % 200 + 3));
        }
        all
    }

    /// The largest difference, and the norm of all differences beside that of the second.
    fn apart(one: &[f32], other: &[f32]) -> (f32, f32) {
        assert_eq!(one.len(), other.len());
        let norm = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>().sqrt();
        let between: Vec<f32> = one.iter().zip(other).map(|(a, b)| a - b).collect();
        (between.iter().fold(0.0, |most, x| x.abs().max(most)), norm(&between) / norm(other))
    }

    fn answers_as_the_processor_does(device: &Device) {
        for (file, precisions, far) in MODELS {
            for precision in precisions {
                let [here, there] = [None, Some(device.clone())]
                    .map(|device| logits(&network(file, *precision, None, device).unwrap()));
                let (most, distance) = apart(&there, &here);
                println!("{file} {precision:?}: logits differ by {most}, {distance} in all");
                let quantised = match precision {
                    Precision::Floats => false,
                    Precision::Stored => file.contains("quantised"),
                    _ => true,
                };
                let close = if quantised { distance < far } else { most < 1e-4 };
                assert!(close, "{file} {precision:?}: logits differ by {most}, {distance} in all");
            }
        }
    }

    #[test]
    fn models_whose_products_candle_computes_answer_as_with_the_kernels_here() {
        answers_as_the_processor_does(&Device::Cpu);
    }

    #[cfg(feature = "cuda")]
    #[test]
    #[ignore = "needs an NVIDIA GPU"]
    fn models_on_a_gpu_answer_as_on_the_processor() {
        let gpu = crate::local::Device::Cuda { index: 0 }.open().unwrap().unwrap();
        answers_as_the_processor_does(&gpu);
    }

    fn random(rows: usize, columns: usize) -> Tensor {
        Tensor::randn(0.0_f32, 1.0, (rows, columns), &Device::Cpu).unwrap()
    }

    /// The same matrices for the kernels here and for candle.
    fn both(make: impl Fn(Option<&Device>) -> Result<Linear>) -> [Linear; 2] {
        [None, Some(&Device::Cpu)].map(|device| make(device).unwrap())
    }

    fn flat(x: &Tensor) -> Vec<f32> {
        x.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn products_and_rows_are_those_of_the_kernels_here() {
        let weights = [random(70, 256), random(5, 256), random(33, 256), random(2, 256)];
        let [a, b, c, d] = &weights;
        let matrices = [
            both(|device| Linear::quantised(a, Format::Q8_0, device)),
            both(|device| Linear::quantised(b, Format::Q4K, device)),
            both(|device| Linear::quantised(c, Format::Q6K, device)),
            both(|device| Linear::floats(d.clone(), device)),
        ];
        let x = Tensor::randn(0.0_f32, 1.0, (2, 3, 256), &Device::Cpu).unwrap();
        for [here, there] in &matrices {
            let (ours, theirs) = (here.forward(&x).unwrap(), there.forward(&x).unwrap());
            assert_eq!(ours.dims(), theirs.dims());
            // Eight bits of 32 numbers of a normal distribution are half a percent.
            let (_, distance) = apart(&flat(&theirs), &flat(&ours));
            assert!(distance < 0.01, "{there:?}: {distance}");
            let (_, distance) =
                apart(&flat(&there.rows(&[1, 0]).unwrap()), &flat(&here.rows(&[1, 0]).unwrap()));
            assert!(distance < 1e-6, "{there:?}: rows {distance}");
            assert!(there.rows(&[70]).is_err());
        }
        let there: Vec<Linear> = matrices.iter().map(|[_, there]| there.clone()).collect();
        let each: Vec<Tensor> = there.iter().map(|part| part.forward(&x).unwrap()).collect();
        let stacked = Linear::stacked(&there).unwrap();
        assert_eq!(flat(&stacked.forward(&x).unwrap()), flat(&Tensor::cat(&each, 2).unwrap()));
        assert!(stacked.rows(&[0]).is_err());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let device = Some(&Device::Cpu);
        let floats = |columns, device| Linear::floats(random(3, columns), device).unwrap();
        assert!(Linear::stacked(&[floats(32, device), floats(64, device)]).is_err());
        assert!(Linear::stacked(&[floats(32, device), floats(32, None)]).is_err());
        assert!(floats(32, device).forward(&random(1, 64)).is_err());
        let stored = |bytes, rows, columns| {
            Linear::stored(GgmlDType::Q8_0, vec![0; bytes], rows, columns, device).is_ok()
        };
        assert!(stored(68, 2, 32) && !stored(67, 2, 32) && !stored(68, 3, 32) && !stored(68, 2, 33));
    }

    #[test]
    fn on_the_way_to_a_device_there_must_be_room_for_the_largest_matrix_only() {
        let open =
            |memory, device| network("tiny-gemma3.gguf", Precision::Stored, Some(memory), device).err();
        let Some(FileFault::TooLarge { needed: here, .. }) = open(0, None) else { panic!("it fits nothing") };
        let Some(FileFault::TooLarge { needed: there, .. }) = open(0, Some(Device::Cpu)) else {
            panic!("it fits nothing")
        };
        assert!(0 < there && there < here, "{there} {here}");
        assert!(open(there, Some(Device::Cpu)).is_none() && open(there, None).is_some());
    }
}
