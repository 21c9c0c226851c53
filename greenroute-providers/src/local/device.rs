//! Where a model computes.

/// Where the matrix products of a model are computed, which are nearly all of its work.
///
/// On a GPU lie the matrices, in the form that [`Precision`](super::Precision) says, the table of token embeddings
/// among them. Everything between two products (norms, attention, what a request remembers, sampling) stays on the
/// processor. So every product costs two copies and a wait: models of gigabytes and requests that are computed
/// together stand to gain, a small model with one request does not.
///
/// * candle's kernels round the inputs of quantised matrices to eight bits, those of this crate to sixteen: answers are
///   close to those of the processor, not equal, and may depend in their last digits on how many requests are
///   computed together.
/// * While the model is loaded its matrices pass through the processor's memory one by one, and only for the largest
///   that room is checked. Whether they fit into the GPU's memory shows when they are copied there; if not, loading
///   fails with an error of kind [`Config`](greenroute_core::ErrorKind::Config) that names the file.
/// * Counters that measure the processor do not see the energy of a GPU.
///
/// **A GPU has not been tried yet.** The code for it compiles against CUDA 13.0, and its logic is tested with candle's
/// kernels for the processor in the place of those for the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Device {
    /// The processor, by kernels of this crate.
    #[default]
    Cpu,
    /// An NVIDIA GPU, by the kernels of candle; with the feature `cuda`. Programs with that feature are linked to the
    /// driver and to CUDA's libraries, and do not start on a machine that lacks them.
    #[cfg(feature = "cuda")]
    Cuda {
        /// Which, as CUDA counts those that it may use, from 0.
        index: usize,
    },
}

impl Device {
    /// Candle's word for it; `None` for the kernels of this crate.
    pub(super) fn open(self) -> greenroute_core::Result<Option<candle_core::Device>> {
        match self {
            Self::Cpu => Ok(None),
            #[cfg(feature = "cuda")]
            Self::Cuda { index } => cuda(index).map(Some),
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> greenroute_core::Result<candle_core::Device> {
    use greenroute_core::{Error, ErrorKind};
    // Candle would take the low 32 bits of the index.
    let known = i32::try_from(index).map_err(candle_core::Error::wrap);
    // One stream for all threads: by default every thread has its own, and candle's kernels share their scratch memory.
    known.and_then(|_| candle_core::Device::new_cuda_with_stream(index)).map_err(|source| {
        let message = format!(
            "there is no CUDA device {index}: an NVIDIA GPU of that index, its driver and CUDA's cuBLAS and cuRAND \
             were looked for"
        );
        Error::new(ErrorKind::Config, super::NAME, message).with_source(source)
    })
}

#[cfg(all(test, feature = "cuda"))]
mod tests {
    use super::*;
    use crate::local::{LoadOptions, LocalModel};
    use greenroute_core::ErrorKind;

    #[test]
    fn a_device_that_is_not_there_is_a_fault_of_the_settings() {
        for index in [1 << 20, 1 << 32] {
            let options = LoadOptions { device: Device::Cuda { index }, ..LoadOptions::default() };
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-gemma3.gguf");
            let error = LocalModel::open(path, options).unwrap_err();
            assert_eq!(error.kind(), &ErrorKind::Config);
            assert!(error.to_string().contains(&format!("CUDA device {index}")), "{error}");
        }
    }
}
