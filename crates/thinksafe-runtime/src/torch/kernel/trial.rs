//! The kernels against the formula, on the device that is to run them.

use tch::{Device, Kind, Tensor};

use crate::engine::TOKENS_PER_PAGE;
use crate::model::attention::LayerAttention;
use crate::model::scores::Scores;
use crate::torch::kernel::{Kernel, Shape, call};

/// Positions of the tokens tried: around borders of pages, and far enough for every split.
const AT: [i32; 6] = [0, 1, 15, 16, 299, 700];

/// Pages of each table, and of the store.
const PAGES: usize = 44;
const STORED: i64 = 311;

impl Kernel {
    /// Attends over a small store with every kind of window, cap and split, and compares.
    pub(super) fn try_out(&self, device: Device) -> Result<(), String> {
        let trial = Trial::new(self.shape, device);
        for (window, cap) in
            [(None, None), (Some(1), None), (Some(33), None), (Some(33), Some(1.5))]
        {
            let scores = Scores { scale: 1.0 / (self.shape.dim as f64).sqrt(), cap };
            let layer = LayerAttention { index: 0, window, scores };
            let expected = trial.expected(layer);
            for splits in [1, 3, 64] {
                let tables = [&trial.tables, &trial.at];
                let found = call::run(
                    &*self.launch,
                    self.shape,
                    &trial.q,
                    &trial.store,
                    tables,
                    (layer, splits),
                )?;
                let error = (found.to_kind(Kind::Float) - &expected).abs().max();
                let error = f64::try_from(error).map_err(|error| error.to_string())?;
                if error.is_nan() || error > tolerance(self.shape.kind) {
                    return Err(format!(
                        "it is wrong by {error:e} for window {window:?}, cap {cap:?} and {splits} splits"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// How far results may be from f32's; all values are within 1.
fn tolerance(kind: Kind) -> f64 {
    match kind {
        Kind::Float => 1e-5,
        Kind::Half => 1e-3,
        _ => 8e-3,
    }
}

struct Trial {
    q: Tensor,
    store: [Tensor; 2],
    tables: Tensor,
    at: Tensor,
}

impl Trial {
    fn new(shape: Shape, device: Device) -> Self {
        let Shape { heads, kv_heads, dim, kind } = shape;
        let wave = |size: &[i64], scale: f64| {
            let numbers = Tensor::arange(size.iter().product::<i64>(), (Kind::Float, Device::Cpu));
            let wave = (numbers * scale).sin().view(size);
            wave.to_kind(kind).to_device(device)
        };
        let slots = STORED * TOKENS_PER_PAGE as i64;
        let size = [slots, kv_heads, dim];
        let store = [wave(&size, 12.9898), wave(&size, 78.233)];
        // Pages far apart and in no order, none in two tables.
        let pages =
            |row: usize| (0..PAGES).map(move |page| ((row * PAGES + page) * 97 % 311) as i32);
        let tables: Vec<i32> = (0..AT.len()).flat_map(pages).collect();
        let trial = Self {
            q: wave(&[AT.len() as i64, heads, dim], 37.719) * 3.0,
            store,
            tables: Tensor::from_slice(&tables).to_device(device),
            at: Tensor::from_slice(&AT).to_device(device),
        };
        trial.poison();
        trial
    }

    /// The slots of a row's positions.
    fn slots(&self, row: usize) -> Tensor {
        let positions = Tensor::arange(i64::from(AT[row]) + 1, (Kind::Int64, self.at.device()));
        let per_page = TOKENS_PER_PAGE as i64;
        let table = self.tables.narrow(0, (row * PAGES) as i64, PAGES as i64);
        let page = table.index_select(0, &positions.divide_scalar_mode(per_page, "floor"));
        page.to_kind(Kind::Int64) * per_page + positions.remainder(per_page)
    }

    /// What no row may see is made to show.
    fn poison(&self) {
        let slots: Vec<Tensor> = (0..AT.len()).map(|row| self.slots(row)).collect();
        let seen = Tensor::cat(&slots, 0);
        for store in &self.store {
            let kept = store.index_select(0, &seen);
            let _ = store.shallow_clone().fill_(f64::NAN).index_copy_(0, &seen, &kept);
        }
    }

    /// Softmax of scaled products, in f32, a row at a time.
    fn expected(&self, layer: LayerAttention) -> Tensor {
        let row = |row: usize| {
            let mut slots = self.slots(row);
            if let Some(window) = layer.window {
                let length = slots.size()[0];
                slots = slots.narrow(0, (length - window).max(0), length.min(window));
            }
            let [keys, values] = self.store.each_ref().map(|store| {
                store.index_select(0, &slots).transpose(0, 1).to_kind(Kind::Float) // [K, S, D]
            });
            let (_, heads, dim) = self.q.size3().expect("queries are [n, H, D]");
            let q = self.q.select(0, row as i64).to_kind(Kind::Float);
            let q = q.view([keys.size()[0], -1, dim]); // [K, G, D]
            let scores = q.matmul(&keys.transpose(1, 2)) * layer.scores.scale;
            let scores = match layer.scores.cap {
                Some(cap) => (scores / cap).tanh() * cap,
                None => scores,
            };
            scores.softmax(-1, Kind::Float).matmul(&values).view([1, heads, dim])
        };
        let rows: Vec<Tensor> = (0..AT.len()).map(row).collect();
        Tensor::cat(&rows, 0)
    }
}
