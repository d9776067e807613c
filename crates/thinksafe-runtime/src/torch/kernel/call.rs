//! What the kernels are called with.
#![expect(
    unsafe_code,
    reason = "kernels take pointers; only this file makes them, out of tensors it holds"
)]

use std::f64::consts::LOG2_E;
use std::ffi::c_void;
use std::fmt::Debug;

use tch::{Kind, Tensor};

use crate::model::attention::LayerAttention;
use crate::torch::kernel::Shape;

/// The arguments of both kernels, laid out as `attend.cu` has them.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Call {
    q: *const c_void,
    keys: *const c_void,
    values: *const c_void,
    tables: *const c_void,
    at: *const c_void,
    out: *mut c_void,
    parts: *mut c_void,
    rows: i32,
    kv_heads: i32,
    pages: i32,
    splits: i32,
    window: i32,
    scale: f32,
    cap: f32,
}

/// How kernels are started: on a card, or in a test as functions of the processor.
pub(super) trait Launch: Debug + Send {
    /// Warps that keep the card busy.
    fn warps(&self) -> i64;

    /// Starts the kernel `attend` with a number of warps.
    ///
    /// # Safety
    /// The call's pointers lead to memory of the launch's device, of the sizes that `attend.cu` says.
    unsafe fn attend(&self, call: &Call, warps: i64) -> Result<(), String>;

    /// Starts the kernel `join_splits` with a number of warps.
    ///
    /// # Safety
    /// As [`Self::attend`].
    unsafe fn join_splits(&self, call: &Call, warps: i64) -> Result<(), String>;
}

/// Query heads that one warp computes, as `attend.cu` has it.
const TILE: i64 = 8;

/// Pages that are worth a warp of their own.
const LEAST_PAGES: i64 = 4;

impl Call {
    /// Into how many stretches contexts are cut, such that a card has enough to do; `cells`: rows times pages.
    pub(super) fn splits(shape: Shape, rows: i64, cells: i64, warps: i64) -> i64 {
        let units = rows * shape.kv_heads * tiles(shape);
        let pages = cells / rows.max(1);
        (warps / units.max(1)).min(pages / LEAST_PAGES).clamp(1, 64)
    }
}

fn tiles(shape: Shape) -> i64 {
    let tile = TILE.min(shape.group());
    (shape.group() + tile - 1) / tile
}

/// Calls the kernels; see [`Kernel::attend`](super::Kernel::attend).
pub(super) fn run(
    launch: &dyn Launch,
    shape: Shape,
    q: &Tensor,
    store: &[Tensor; 2],
    [tables, at]: [&Tensor; 2],
    (layer, splits): (LayerAttention, i64),
) -> Result<Tensor, String> {
    let (rows, heads, dim) = q.size3().map_err(|error| error.to_string())?;
    let [keys, values] = store.each_ref().map(Tensor::contiguous);
    let [q, tables, at] = [q, tables, at].map(Tensor::contiguous);
    let fits = |x: &Tensor, kind| x.kind() == kind && x.device() == q.device();
    let kind = shape.kind;
    let sizes = [heads, dim, keys.size()[1], keys.size()[2], at.size()[0], tables.size()[0] % rows];
    if sizes != [shape.heads, shape.dim, shape.kv_heads, shape.dim, rows, 0]
        || values.size() != keys.size()
        || ![&q, &keys, &values].iter().all(|x| fits(x, kind))
        || ![&tables, &at].iter().all(|x| fits(x, Kind::Int))
    {
        return Err(format!("tensors of other shapes than {shape:?}"));
    }
    let out = q.empty_like();
    let joined = if splits > 1 { rows * heads * splits * (dim + 2) } else { 0 };
    let parts = Tensor::empty([joined], (Kind::Float, q.device()));
    let call = Call {
        q: q.data_ptr(),
        keys: keys.data_ptr(),
        values: values.data_ptr(),
        tables: tables.data_ptr(),
        at: at.data_ptr(),
        out: out.data_ptr(),
        parts: parts.data_ptr(),
        rows: rows as i32,
        kv_heads: shape.kv_heads as i32,
        pages: (tables.size()[0] / rows) as i32,
        splits: splits as i32,
        window: layer.window.unwrap_or(0) as i32,
        // Powers of two are what the hardware has.
        scale: (layer.scores.scale * LOG2_E) as f32,
        cap: layer.scores.cap.map_or(0.0, |cap| (cap * LOG2_E) as f32),
    };
    let units = rows * shape.kv_heads * tiles(shape) * splits;
    // SAFETY: kinds, shapes and devices were compared above with those that the source was compiled for, `out` and
    // `parts` have the sizes it writes, and all are contiguous. Pages of tables lie within the store, as the backend
    // held them for the step. The tensors live until the launches are queued; libtorch gives their memory to nobody
    // who is not behind them in the same stream.
    unsafe {
        launch.attend(&call, units)?;
        if splits > 1 {
            launch.join_splits(&call, rows * heads)?;
        }
    }
    Ok(out)
}
