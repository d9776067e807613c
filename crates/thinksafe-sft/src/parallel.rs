//! Data parallel training: each process passes its share of every global batch through a model of its own; the gradients are
//! summed once a step.
//!
//! Every process knows the whole plan, so the loss is normalised over the global batch without a word between them, and a
//! micro-batch has the same dropout masks wherever it is computed.

use tch::Tensor;
use thinksafe_core::hash::ContentHash;
use thinksafe_distributed::ProcessGroup;
use thinksafe_runtime::Gradients;

use crate::Error;

/// One process's part in a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share<'g> {
    group: Option<&'g ProcessGroup>,
}

impl<'g> Share<'g> {
    /// The whole of it.
    pub(crate) fn whole() -> Self {
        Self { group: None }
    }

    /// That of a member of a group.
    pub(crate) fn of(group: &'g ProcessGroup) -> Self {
        Self { group: Some(group).filter(|group| group.world_size() > 1) }
    }

    /// Whether this process writes the logs and checkpoints of all.
    pub(crate) fn is_first(self) -> bool {
        self.group.is_none_or(|group| group.rank() == 0)
    }

    /// Whether this process computes a micro-batch of a step.
    pub(crate) fn has(self, micro_step: usize) -> bool {
        self.group.is_none_or(|group| micro_step % group.world_size() == group.rank())
    }

    /// Sums gradients over all processes, and with them the term values `[terms]` of the micro-batches, of which the sum is
    /// then the only one. A process alone keeps its values apart.
    pub(crate) fn sum(
        self,
        gradients: &mut Gradients,
        values: Vec<Tensor>,
    ) -> Result<Vec<Tensor>, Error> {
        let Some(group) = self.group else { return Ok(values) };
        for value in values {
            let _ = gradients.extra().g_add_(&value);
        }
        group.all_reduce_sum(gradients.whole())?;
        Ok(vec![gradients.extra()])
    }

    /// Checks that all processes have the same.
    pub(crate) fn agree(self, what: &'static str, hash: &ContentHash) -> Result<(), Error> {
        self.group.map_or(Ok(()), |group| Ok(group.agree(what, hash)?))
    }

    /// Whether it is true on any process.
    pub(crate) fn any(self, mine: bool) -> Result<bool, Error> {
        let Some(group) = self.group else { return Ok(mine) };
        let mut sum = Tensor::from_slice(&[i64::from(mine)]).to_device(group.device());
        group.all_reduce_sum(&mut sum)?;
        Ok(sum.int64_value(&[0]) > 0)
    }

    /// The first process's number, on all of them: what each has computed for itself may differ in the last bit.
    pub(crate) fn of_first(self, mine: f64) -> Result<f64, Error> {
        let Some(group) = self.group else { return Ok(mine) };
        let mut bits =
            Tensor::from_slice(&[mine.to_bits().cast_signed()]).to_device(group.device());
        group.broadcast(&mut bits, 0)?;
        Ok(f64::from_bits(bits.int64_value(&[0]).cast_unsigned()))
    }
}
