//! The most likely tokens of each row, in the order that decides draws.

use tch::Tensor;

/// The largest entries of rows, largest first, ties by id.
#[derive(Debug)]
pub(super) struct Head {
    /// `[R, C]`, f32.
    pub(super) values: Tensor,
    /// `[R, C]`, i64.
    pub(super) ids: Tensor,
    /// Whether an entry is larger than the last one: of its value, and of every larger one, none is missing. `[R, C]`.
    pub(super) known: Tensor,
}

impl Head {
    /// Of each of the rows `[R, V]` its `count` largest entries; everything is known if that is all of them.
    ///
    /// Among entries equal to the last, libtorch picks as it likes: they are never known.
    pub(super) fn new(rows: &Tensor, count: i64) -> Self {
        if count >= rows.size()[1] {
            let (values, ids) = rows.sort_stable(true, -1, true);
            let known = ids.ge(0);
            return Self { values, ids, known };
        }
        let (values, ids) = rows.topk(count, -1, true, false);
        let (ids, by_id) = ids.sort(-1, false);
        let (values, by_value) = values.gather(-1, &by_id, false).sort_stable(true, -1, true);
        let ids = ids.gather(-1, &by_value, false);
        let known = values.gt_tensor(&values.narrow(1, count - 1, 1));
        Self { values, ids, known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_in_the_order_of_ids_and_those_at_the_end_are_not_known() {
        let rows = Tensor::from_slice(&[1f32, 3.0, 2.0, 3.0, 2.0, 3.0, 2.0, 0.0]).view([1, 8]);
        let ids = |count| Vec::<i64>::try_from(Head::new(&rows, count).ids.view(-1)).unwrap();
        let known = |count| i64::try_from(Head::new(&rows, count).known.count_nonzero(1)).unwrap();
        assert_eq!((ids(4)[..3].to_vec(), known(4)), (vec![1, 3, 5], 3));
        assert_eq!((ids(7), known(7)), (vec![1, 3, 5, 2, 4, 6, 0], 6));
        assert_eq!((ids(8), known(8)), (vec![1, 3, 5, 2, 4, 6, 0, 7], 8));
        assert_eq!(known(2), 0);
    }
}
