//! Suites over the seams, one async function a scenario: run them over your own implementations.
