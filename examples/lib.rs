//! What the numbered examples share: the command line and the progress bar.
