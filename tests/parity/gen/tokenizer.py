"""A character tokenizer with a chat template in Qwen3's manner, for the golden models.

Usage: python tests/parity/gen/tokenizer.py
"""

from tokenizers import AddedToken, Tokenizer, decoders, models
from transformers import AutoTokenizer

from common import GOLDEN, SPECIALS, write_json

FOLDER = GOLDEN / "tokenizer"
MARKS = ["<pad>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<unk>"]
TEMPLATE = """\
{%- for message in messages %}
    {%- if message.role not in ['system', 'user', 'assistant'] %}
        {{- raise_exception('unknown role ' + message.role) }}
    {%- endif %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


def main():
    characters = ["\n"] + [chr(c) for c in range(32, 127)]
    vocab = {token: i for i, token in enumerate(MARKS + characters)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token="<unk>"))
    tokenizer.decoder = decoders.Fuse()
    thinking = {"<think>", "</think>"}
    tokenizer.add_tokens([AddedToken(m, special=m not in thinking, normalized=False) for m in MARKS])
    FOLDER.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(FOLDER / "tokenizer.json"))
    (FOLDER / "chat_template.jinja").write_text(TEMPLATE)
    write_json(
        FOLDER / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "pad_token": "<pad>",
            "eos_token": "<|im_end|>",
            "unk_token": "<unk>",
            "clean_up_tokenization_spaces": False,
            "model_max_length": 131,
        },
    )
    write_json(FOLDER / "generation_config.json", {"eos_token_id": [2], "pad_token_id": 0})
    loaded = AutoTokenizer.from_pretrained(FOLDER)
    ids = loaded.apply_chat_template([{"role": "user", "content": "Hi 5!"}], add_generation_prompt=True, return_dict=False)
    assert loaded.decode(ids) == "<|im_start|>user\nHi 5!<|im_end|>\n<|im_start|>assistant\n"
    assert len(MARKS) == SPECIALS and ids[0] == 1


if __name__ == "__main__":
    main()
