"""What holds for every explanation of keys: it is complete, it is a sentence, and its example is accepted."""

import tomllib

import msgspec


def check(keys):
    """Fail unless each type's own keys, and no others, are explained."""
    for shape, texts in keys.items():
        inherited = {name for base in shape.__bases__ for name in getattr(base, "__struct_fields__", ())}
        fields = {field.encode_name: field for field in msgspec.structs.fields(shape) if field.name not in inherited}
        assert set(texts) == set(fields), shape
        for name, text in texts.items():
            assert text.says.endswith("."), name
            assert "|" not in text.says + text.example
            msgspec.convert(tomllib.loads(f"value = {text.example}")["value"], fields[name].type)
