"""The log-probability of every given token by a forward pass of transformers. The counterpart of `throughput score`."""

import torch

import common


def main():
    parser = common.arguments(__doc__)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--context", type=int, default=256)
    options = parser.parse_args()
    measure(common.load(options), options)


def log_probabilities(model, texts):
    tokens = torch.from_numpy(common.numpy.stack([tokens for tokens, _ in texts])).to(model.device)
    logits = model(tokens, use_cache=False).logits
    found = []
    # One text after the other: all in f32 at once would take twice the memory.
    for row, following in zip(logits[:, :-1], tokens[:, 1:], strict=True):
        row = row.float()
        chosen = row.gather(1, following[:, None]).squeeze(1)
        found.append(chosen - row.logsumexp(1))
    return torch.stack(found).cpu()


@torch.inference_mode()
def measure(model, options):
    def texts(seed):
        return common.even(seed, options.batch, options.context, 0, model.config.vocab_size)

    log_probabilities(model, texts(0)[:1])
    loaded = common.peak_mib()
    common.reset_peak()
    times, work = [], []
    for repetition in range(1, options.repetitions + 1):
        load = texts(repetition)
        found, seconds = common.timed(lambda: log_probabilities(model, load), options.device)
        assert found.isfinite().all()
        times.append(seconds)
        work += load
    common.emit(
        "score",
        options,
        batch=options.batch,
        context=options.context,
        tok_s=options.batch * options.context / common.median(times),
        peak_mib=common.peak_mib(),
        load_peak_mib=loaded,
        checksum=common.checksum(work),
    )


if __name__ == "__main__":
    main()
