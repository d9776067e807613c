//! Draws from rows of logits on the device, as the host's sampler draws.
//!
//! Filters and draws look at tokens from the most likely down, and a vocabulary is never sorted for that unless it has
//! to be: the head of each row is, and whether the head decides the row comes back with the ids.

use tch::{Kind, Tensor};

use crate::torch::head::Head;

/// Settings of R rows that are drawn, each `[R, 1]`, f64 where nothing else is said.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) temperature: Tensor,
    /// i64; V where top-k is off.
    pub(super) top_k: Tensor,
    pub(super) top_p: Tensor,
    pub(super) min_p: Tensor,
    /// The uniform draw in [0, 1).
    pub(super) uniform: Tensor,
    /// How much of each row has to be looked at.
    pub(super) extent: Extent,
}

/// How much of the rows any of them needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All have a top-k: the heads.
    Heads,
    /// The mass of whole rows.
    Rows,
    /// And that of what min-p keeps.
    RowsAndMinP,
}

/// What came of rows.
#[derive(Debug)]
pub(super) struct Sampled {
    /// The tokens, `[R]`, i64.
    pub(super) ids: Tensor,
    /// Whether the head sufficed; the token means something only then. `[R]`, bool.
    pub(super) decided: Tensor,
}

/// Draws a token from each of the rows `[R, V]`, looking at `head` tokens of each.
///
/// Weights are relative to the most likely token, in f64 as on the host. As in `transformers`, each filter sees what
/// the one before left, top-k keeps every token that ties with its last, and top-p the token that crosses it.
pub(super) fn sample(rows: &Tensor, settings: &Settings, head: i64) -> Sampled {
    let Settings { top_k, top_p, min_p, uniform, .. } = settings;
    let size = rows.size()[1];
    let most = rows.amax([1], true);
    let weights =
        |logits: &Tensor| ((logits - &most).to_kind(Kind::Double) / &settings.temperature).exp();
    let head = Head::new(rows, head);
    let weight = weights(&head.values); // [R, C]
    let ranks = head.values.size()[1];
    let has_k = top_k.lt(size);
    let last_k = head.values.gather(1, &(top_k.clamp_max(ranks) - 1), false);
    let in_k = head.values.ge_tensor(&last_k).logical_or(&has_k.logical_not());

    let sum = |x: Tensor| x.sum_dim_intlist(1, true, Kind::Double);
    let in_k_mass = sum(&weight * &in_k);
    let all_mass = || sum(weights(rows));
    let min_p_mass = || {
        let all = weights(rows);
        let unlikely = all.lt_tensor(min_p);
        (sum(all.shallow_clone()), sum(all.masked_fill(&unlikely, 0.0)))
    };
    // Over the whole row: all mass, and that of what min-p keeps.
    let (all_mass, min_p_mass) = match settings.extent {
        Extent::Heads => (in_k_mass.shallow_clone(), in_k_mass.shallow_clone()),
        Extent::Rows => {
            let mass = all_mass();
            (mass.shallow_clone(), mass)
        }
        Extent::RowsAndMinP => min_p_mass(),
    };
    let threshold = top_p * in_k_mass.where_self(&has_k, &all_mass);
    let no_p = top_p.ge(1.0);
    let reached = (&weight * &in_k).cumsum(1, Kind::Double);
    let none = Tensor::zeros([rows.size()[0], 1], (Kind::Double, rows.device()));
    let before = Tensor::cat(&[none, reached.narrow(1, 0, ranks - 1)], 1);
    let in_p = before.lt_tensor(&threshold).logical_or(&no_p);
    let kept = in_k.logical_and(&in_p).logical_and(&weight.ge_tensor(min_p)); // a beginning of the head
    let kept_weight = &weight * &kept;

    // Rows of which all kept tokens are in the head, and rows that keep the tail but are drawn before it.
    let any_last = |x: &Tensor| x.narrow(1, ranks - 1, 1);
    let known_mass = sum(&weight * &head.known);
    let p_ends = known_mass.ge_tensor(&threshold).logical_and(&no_p.logical_not());
    let m_ends = any_last(&weight).lt_tensor(min_p);
    let k_ends = has_k.logical_and(&last_k.gt_tensor(&any_last(&head.values)));
    let ends = k_ends.logical_or(&p_ends.logical_or(&m_ends).logical_and(&has_k.logical_not()));
    let ends = ends.logical_or(&any_last(&head.known));
    let mass = sum(kept_weight.shallow_clone()).where_self(&ends, &min_p_mass);
    let target = uniform * mass;
    let early = target.lt_tensor(&sum(&kept_weight * &head.known));
    let early = early.logical_and(&no_p).logical_and(&has_k.logical_not());

    // The first token at which the sum exceeds the target; the last one kept where rounding has it exceed none.
    let count = kept.sum_dim_intlist(1, true, Kind::Int64);
    let place = kept_weight.cumsum(1, Kind::Double).le_tensor(&target);
    let place = place.sum_dim_intlist(1, true, Kind::Int64).minimum(&(count - 1)).clamp_min(0);
    Sampled {
        ids: head.ids.gather(1, &place, false).squeeze_dim(1),
        decided: ends.logical_or(&early).squeeze_dim(1),
    }
}
