//! What the test binaries share: tolerances and golden files.
