//! Trace generation over labelled prompt sets into a resumable record log.
