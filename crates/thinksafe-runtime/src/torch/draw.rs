//! From logits on the device to tokens, with one small copy to the host.

use tch::{Kind, Tensor};

use crate::engine::{Draw, Drawn, DrawnLogprobs};
use crate::torch::head::Head;
use crate::torch::packed::{Packed, Part, Uploaded};
use crate::torch::sample::{Extent, Settings, sample};

/// Tokens of each row that are sorted at first.
const HEAD: usize = 1024;

/// How many more than asked for are looked at, for those that tie with the last.
const TIES: usize = 64;

/// Draws a token from each of the rows of finite or other logits `[W, V]`, f32, as the host's sampler does.
pub(super) fn draw_rows(logits: &Tensor, draws: &[Draw<'_>]) -> Vec<Drawn> {
    tch::no_grad(|| {
        let mut drawn = attempt(logits, draws, Some(HEAD));
        let again: Vec<usize> = (0..draws.len()).filter(|row| drawn[*row].is_none()).collect();
        if !again.is_empty() {
            // The tail of a distribution, or ties without end: these rows are sorted as a whole.
            let rows: Vec<i64> = again.iter().map(|row| *row as i64).collect();
            let rows =
                logits.index_select(0, &Tensor::from_slice(&rows).to_device(logits.device()));
            let some: Vec<Draw<'_>> = again.iter().map(|row| draws[*row]).collect();
            for (row, decided) in again.iter().zip(attempt(&rows, &some, None)) {
                drawn[*row] = decided;
            }
        }
        drawn.into_iter().map(|drawn| drawn.expect("a whole row decides")).collect()
    })
}

/// Draws by the heads of the rows, or by whole rows; nothing where the head does not decide.
fn attempt(logits: &Tensor, draws: &[Draw<'_>], head: Option<usize>) -> Vec<Option<Drawn>> {
    let vocab = logits.size()[1] as usize;
    let mut packed = Packed::default();
    let layout = Layout::new(draws, vocab, head, &mut packed);
    let uploaded = packed.upload(logits.device());
    let result = layout.compute(logits, &uploaded);
    let values = Vec::<f64>::try_from(result).expect("the result is a row of doubles");
    layout.read(draws, &values)
}

/// Which rows need what, and where their settings are in what is uploaded.
struct Layout {
    vocab: usize,
    /// Tokens and penalties of (row, token).
    repetition: Pairs,
    presence: Pairs,
    /// Rows that are not greedy.
    sampled: Vec<usize>,
    sampled_part: Part,
    settings: Part,
    extent: Extent,
    head: usize,
    asked: AskedLayout,
}

/// A row whose logits of some tokens are changed.
struct Penalized {
    row: usize,
    penalty: f64,
    tokens: Vec<u32>,
}

/// Numbers for entries of the logits.
struct Pairs {
    rows: Part,
    tokens: Part,
    values: Part,
    count: usize,
}

/// Rows that want log-probabilities.
struct AskedLayout {
    rows: Vec<usize>,
    rows_part: Part,
    /// For each token asked for by id, its row among these rows, and itself.
    of: [Part; 2],
    /// The most that any row wants of its most likely tokens, and how many are sorted for that.
    top: usize,
    head: usize,
}

impl Layout {
    fn new(draws: &[Draw<'_>], vocab: usize, head: Option<usize>, packed: &mut Packed) -> Self {
        let rows = || draws.iter().enumerate();
        let sampled: Vec<usize> =
            rows().filter(|(_, d)| !d.sampling.is_greedy()).map(|(row, _)| row).collect();
        let of_row = |row: &usize| {
            let sampling = draws[*row].sampling;
            let top_k =
                if sampling.top_k == 0 { vocab } else { (sampling.top_k as usize).min(vocab) };
            [
                sampling.temperature,
                top_k as f64,
                sampling.top_p,
                sampling.min_p,
                draws[*row].uniform,
            ]
        };
        let settings: Vec<[f64; 5]> = sampled.iter().map(of_row).collect();
        let bounded = |[_, top_k, ..]: &&[f64; 5]| *top_k < vocab as f64;
        let extent = if settings.iter().all(|row| bounded(&row)) {
            Extent::Heads
        } else if settings.iter().all(|[.., min_p, _]| *min_p == 0.0) {
            Extent::Rows
        } else {
            Extent::RowsAndMinP
        };
        let most_k = settings.iter().filter(bounded).map(|row| row[1] as usize + TIES).max();
        let least = if extent == Extent::Heads { 0 } else { head.unwrap_or(vocab) };
        let repetition = |(row, draw): (usize, &Draw<'_>)| {
            let penalty = draw.sampling.repetition_penalty;
            (penalty != 1.0).then(|| Penalized { row, penalty, tokens: unique(draw.tokens) })
        };
        let presence = |(row, draw): (usize, &Draw<'_>)| {
            let penalty = draw.sampling.presence_penalty;
            let tokens = || unique(&draw.tokens[draw.prompt..]);
            (penalty != 0.0).then(|| Penalized { row, penalty, tokens: tokens() })
        };
        Self {
            vocab,
            settings: packed.doubles(settings.iter().flatten().copied()),
            repetition: Pairs::new(&rows().filter_map(repetition).collect::<Vec<_>>(), packed),
            presence: Pairs::new(&rows().filter_map(presence).collect::<Vec<_>>(), packed),
            sampled_part: packed.ints(sampled.iter().map(|row| *row as i32)),
            extent,
            head: if head.is_none() { vocab } else { least.max(most_k.unwrap_or(0)).min(vocab) },
            asked: AskedLayout::new(draws, vocab, head, packed),
            sampled,
        }
    }

    /// For each row its token, whether it is finite and whether it is decided; then what [`AskedLayout`] adds. f64.
    fn compute(&self, raw: &Tensor, uploaded: &Uploaded) -> Tensor {
        let (least, most) = raw.aminmax(1, false);
        let finite = least.isfinite().logical_and(&most.isfinite());
        let logits = self.penalized(raw, uploaded);
        let mut decided = finite.ones_like();
        let mut ids = if self.sampled.len() == finite.size()[0] as usize {
            Tensor::zeros(finite.size(), (Kind::Int64, raw.device()))
        } else {
            logits.argmax(1, false)
        };
        if !self.sampled.is_empty() {
            let rows = uploaded.longs(&self.sampled_part);
            let settings = uploaded.doubles(&self.settings).view([-1, 5]);
            let column = |index| settings.narrow(1, index, 1);
            let settings = Settings {
                temperature: column(0),
                top_k: column(1).to_kind(Kind::Int64),
                top_p: column(2),
                min_p: column(3),
                uniform: column(4),
                extent: self.extent,
            };
            let sampled = sample(&logits.index_select(0, &rows), &settings, self.head as i64);
            let _ = ids.index_copy_(0, &rows, &sampled.ids);
            let _ = decided.index_copy_(0, &rows, &sampled.decided);
        }
        let mut parts = vec![ids.shallow_clone(), finite, decided];
        self.asked.compute(raw, &ids, uploaded, &mut parts);
        let parts: Vec<Tensor> =
            parts.iter().map(|part| part.to_kind(Kind::Double).flatten(0, -1)).collect();
        Tensor::cat(&parts, 0).to_device(tch::Device::Cpu)
    }

    /// The logits after the penalties; a copy if there are any.
    fn penalized(&self, raw: &Tensor, uploaded: &Uploaded) -> Tensor {
        if self.repetition.count + self.presence.count == 0 {
            return raw.shallow_clone();
        }
        let flat = raw.copy().view(-1);
        self.repetition.apply(&flat, self.vocab, uploaded, |logit, penalty| {
            (logit / penalty).where_self(&logit.gt(0.0), &(logit * penalty))
        });
        self.presence.apply(&flat, self.vocab, uploaded, |logit, penalty| logit - penalty);
        flat.view_as(raw)
    }

    /// The draws out of the copied result.
    fn read(&self, draws: &[Draw<'_>], values: &[f64]) -> Vec<Option<Drawn>> {
        let (rows, rest) = values.split_at(3 * draws.len());
        let mut logprobs = self.asked.read(draws, rest).into_iter().peekable();
        let drawn = (0..draws.len()).map(|row| {
            let of_row = logprobs.next_if(|(of, _)| *of == row).map(|(_, logprobs)| logprobs);
            let [id, finite, decided] = [0, 1, 2].map(|part| rows[part * draws.len() + row]);
            if finite == 0.0 {
                return Some(Drawn::NotFinite);
            }
            let id = (decided != 0.0).then_some(id as u32)?;
            match of_row {
                None => Some(Drawn::Token { id, logprobs: None }),
                Some(None) => None,
                Some(logprobs) => Some(Drawn::Token { id, logprobs }),
            }
        });
        drawn.collect()
    }
}

impl Pairs {
    fn new(rows: &[Penalized], packed: &mut Packed) -> Self {
        let penalties = rows.iter().flat_map(|r| std::iter::repeat_n(r.penalty, r.tokens.len()));
        let places = rows.iter().flat_map(|r| std::iter::repeat_n(r.row as i32, r.tokens.len()));
        let tokens = rows.iter().flat_map(|r| &r.tokens).map(|token| *token as i32);
        Self {
            values: packed.doubles(penalties),
            rows: packed.ints(places),
            tokens: packed.ints(tokens),
            count: rows.iter().map(|r| r.tokens.len()).sum(),
        }
    }

    /// Replaces the entries of flattened logits by what `change` makes of them and their numbers.
    fn apply(
        &self,
        flat: &Tensor,
        vocab: usize,
        uploaded: &Uploaded,
        change: impl Fn(&Tensor, &Tensor) -> Tensor,
    ) {
        if self.count == 0 {
            return;
        }
        let places = uploaded.longs(&self.rows) * vocab as i64 + uploaded.ints(&self.tokens);
        let values = uploaded.doubles(&self.values).to_kind(Kind::Float);
        let changed = change(&flat.index_select(0, &places), &values);
        let _ = flat.shallow_clone().index_copy_(0, &places, &changed);
    }
}

impl AskedLayout {
    fn new(draws: &[Draw<'_>], vocab: usize, head: Option<usize>, packed: &mut Packed) -> Self {
        let asking = draws.iter().enumerate().filter_map(|(row, d)| Some((row, d.logprobs?)));
        let asking: Vec<_> = asking.collect();
        let top = asking.iter().map(|(_, asked)| asked.top).max().unwrap_or(0).min(vocab);
        let of = asking.iter().enumerate();
        let of = of.flat_map(|(place, (_, asked))| asked.of.iter().map(move |id| (place, *id)));
        let of: Vec<_> = of.collect();
        Self {
            rows_part: packed.ints(asking.iter().map(|(row, _)| *row as i32)),
            of: [
                packed.ints(of.iter().map(|(place, _)| *place as i32)),
                packed.ints(of.iter().map(|(_, id)| *id as i32)),
            ],
            top,
            head: if head.is_none() { vocab } else { (top + TIES).min(vocab) },
            rows: asking.into_iter().map(|(row, _)| row).collect(),
        }
    }

    /// Adds log-probabilities under the model's own distribution: the chosen tokens', those asked for by id, and
    /// the ids, values and certainty of the most likely.
    fn compute(&self, raw: &Tensor, ids: &Tensor, uploaded: &Uploaded, parts: &mut Vec<Tensor>) {
        if self.rows.is_empty() {
            return;
        }
        let rows = uploaded.longs(&self.rows_part);
        let narrow = raw.index_select(0, &rows);
        let logits = narrow.to_kind(Kind::Double);
        let most = logits.amax([1], true);
        let norm = (&logits - &most).exp().sum_dim_intlist(1, true, Kind::Double).log();
        let of = |values: Tensor, most: &Tensor, norm: &Tensor| values - most - norm;
        let chosen = logits.gather(1, &ids.index_select(0, &rows).unsqueeze(1), false);
        parts.push(of(chosen, &most, &norm));
        let [place, token] = self.of.each_ref().map(|part| uploaded.longs(part));
        let row = |x: &Tensor| x.squeeze_dim(1).index_select(0, &place);
        let flat = logits.flatten(0, 1).index_select(0, &(&place * raw.size()[1] + token));
        parts.push(of(flat, &row(&most), &row(&norm)));
        if self.top > 0 {
            let head = Head::new(&narrow, self.head as i64);
            let top = |x: &Tensor| x.narrow(1, 0, self.top as i64);
            let values = of(top(&head.values).to_kind(Kind::Double), &most, &norm);
            parts.extend([top(&head.ids), values, top(&head.known)]);
        }
    }

    /// For each asking row its log-probabilities; none where ties leave open which tokens are the most likely.
    fn read(&self, draws: &[Draw<'_>], values: &[f64]) -> Vec<(usize, Option<DrawnLogprobs>)> {
        let (chosen, rest) = values.split_at(self.rows.len());
        let asked = |row: &usize| draws[*row].logprobs.expect("the row asks for log-probabilities");
        let (mut of, top) = rest.split_at(self.rows.iter().map(|row| asked(row).of.len()).sum());
        let cells = self.rows.len() * self.top;
        let mut each = Vec::with_capacity(self.rows.len());
        for (place, row) in self.rows.iter().enumerate() {
            let asked = asked(row);
            let (own, others) = of.split_at(asked.of.len());
            of = others;
            let count = asked.top.min(self.top);
            let cell = |part: usize, rank| top[part * cells + place * self.top + rank];
            let known = (0..count).all(|rank| cell(2, rank) != 0.0);
            let logprobs = known.then(|| DrawnLogprobs {
                chosen: chosen[place],
                top: (0..count).map(|rank| (cell(0, rank) as u32, cell(1, rank))).collect(),
                of: own.to_vec(),
            });
            each.push((*row, logprobs));
        }
        each
    }
}

/// Each token once.
fn unique(tokens: &[u32]) -> Vec<u32> {
    let mut tokens = tokens.to_vec();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

#[cfg(test)]
mod tests;
