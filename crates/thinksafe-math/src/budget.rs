//! Steps instead of seconds: the same pair costs the same on every machine.

/// The work that is left for one comparison.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    left: u64,
}

/// The work was more than the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfSteps;

impl Budget {
    pub(crate) fn new(steps: u64) -> Self {
        Self { left: steps }
    }

    /// Takes `steps` of what is left; when that is not enough, nothing is left.
    pub(crate) fn spend(&mut self, steps: u64) -> Result<(), OutOfSteps> {
        let enough = steps <= self.left;
        self.left = if enough { self.left - steps } else { 0 };
        if enough { Ok(()) } else { Err(OutOfSteps) }
    }

    /// Whether a former step was refused.
    pub(crate) fn is_spent(&self) -> bool {
        self.left == 0
    }
}
