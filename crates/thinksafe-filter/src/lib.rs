//! Guards, verdicts and the filtered training dataset.
