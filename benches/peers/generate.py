"""`generate` of transformers on prompts of one length, with its dynamic and its static cache.

The counterpart of `throughput decode`: the time of one token after each prompt is that of the prompts; the time of all
tokens less that, of decoding.
"""

import torch

import common


def main():
    parser = common.arguments(__doc__)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--context", type=int, default=64)
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--caches", default="dynamic,static")
    options = parser.parse_args()
    model = common.load(options)
    for cache in options.caches.split(","):
        measure(model, options, cache)


def generate(model, load, cache):
    prompts = torch.from_numpy(common.numpy.stack([tokens for tokens, _ in load])).to(model.device)
    new = load[0][1]
    chosen = {} if cache == "dynamic" else {"cache_implementation": cache}
    output = model.generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        max_new_tokens=new,
        min_new_tokens=new,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
        **chosen,
    )
    assert output.shape[1] == prompts.shape[1] + new


@torch.inference_mode()
def measure(model, options, cache):
    def prompts(seed, new):
        return common.even(seed, options.batch, options.context, new, model.config.vocab_size)

    # On a GPU code is compiled for the static cache, once for each length.
    for new in [4] if options.device == "cpu" else [1, options.new]:
        generate(model, prompts(0, new), cache)
    loaded = common.peak_mib()
    common.reset_peak()
    first, full, work = [], [], []
    for repetition in range(options.repetitions):
        for seed, new, times in ((1, 1, first), (2, options.new, full)):
            load = prompts(2 * repetition + seed, new)
            _, seconds = common.timed(lambda: generate(model, load, cache), options.device)
            times.append(seconds)
            work += load
    first, full = common.median(first), common.median(full)
    step = (full - first) / (options.new - 1)
    common.emit(
        "decode",
        options,
        cache=cache,
        batch=options.batch,
        context=options.context,
        new=options.new,
        decode_tok_s=options.batch / step,
        prefill_tok_s=options.batch * options.context / first,
        step_ms=1e3 * step,
        peak_mib=common.peak_mib(),
        load_peak_mib=loaded,
        checksum=common.checksum(work),
    )


if __name__ == "__main__":
    main()
