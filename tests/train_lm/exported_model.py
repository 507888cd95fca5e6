# SPDX-License-Identifier: Apache-2.0
"""Reads exported weights as an engine does that knows ModelOpt's convention and not this library.

Two readers of safetensors are compared where the Python package of that name is installed: it, and the
one here, which is the format's two rules.
"""
import array
import json
import struct

E2M1 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]


def e4m3(byte):
    """The value of a block scale, by the definition of the format."""
    exponent, mantissa = byte >> 3 & 15, byte & 7
    size = mantissa * 2.0**-9 if exponent == 0 else (8 + mantissa) * 2.0 ** (exponent - 10)
    return -size if byte >> 7 else size


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def read(content):
    """{name: (dtype, shape, bytes)}"""
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    header.pop("__metadata__", None)
    data = content[8 + size :]
    tensors = {name: (each["dtype"], each["shape"], data[slice(*each["data_offsets"])])
               for name, each in header.items()}
    try:
        import safetensors
    except ImportError:
        return tensors
    theirs = {name: (each["dtype"], list(each["shape"]), bytes(each["data"]))
              for name, each in safetensors.deserialize(content)}
    if theirs != tensors:
        raise ValueError("the safetensors package reads something else")
    return tensors


def floats(tensor):
    dtype, _, content = tensor
    if dtype != "F32":
        raise ValueError(f"{dtype}, not F32")
    return array.array("f", content)


def scalar(tensor):
    if tensor[1] != []:
        raise ValueError(f"the shape {tensor[1]} is no scalar's")
    return floats(tensor)[0]


def problems_of_layer(layer, tensors, master):
    codes, scales, scale_2, input_scale = (
        tensors[layer + end] for end in [".weight", ".weight_scale", ".weight_scale_2", ".input_scale"])
    values = floats(master)
    rows, columns = master[1]
    if codes[1] != [rows, columns // 2] or scales[:2] != ("F8_E4M3", [rows, columns // 16]):
        return [f"{layer}: types and shapes"]
    amax, outer = max(map(abs, values)), scalar(scale_2)
    problems = []
    if outer != f32(amax / 2688):
        problems.append(f"{layer}.weight_scale_2 is {outer}")
    if not scalar(input_scale) > 0:
        problems.append(f"{layer}.input_scale is {scalar(input_scale)}")
    for i, value in enumerate(values):
        code = codes[2][i // 2] >> 4 * (i % 2) & 15
        scale = e4m3(scales[2][i // 16])
        size = -E2M1[code & 7] if code & 8 else E2M1[code & 7]
        decoded = size * f32(scale * outer)
        # As this library decodes: the same to five roundings.
        library = size * f32(f32(scale * amax) * f32(1 / 2688))
        # The nearest of the magnitudes is at most one scale away (between 4 and 6), or the tile's
        # scale was rounded down, by at most a sixteenth, or from half the least number of E4M3.
        error = 6 / 16 * scale * outer + 6 * 2.0**-10 * outer + scale * outer
        if abs(decoded - library) > 5 * 2.0**-24 * abs(library) or abs(decoded - value) > error:
            return [*problems, f"{layer}.weight[{i}] decodes to {decoded}, the master is {value}"]
    return problems


def problems_of(tensors, config, hf_quant_config, masters):
    """What is wrong with an export; masters: the FP32 weights that it was made of, read() of a file."""
    problems = []

    def check(holds, what):
        if not holds:
            problems.append(what)

    stated = hf_quant_config["quantization"]
    embedded = config["quantization_config"]
    check(stated["quant_algo"] == embedded["quant_algo"] == "NVFP4", "the files name NVFP4")
    check(stated["group_size"] == 16, "the group size")
    check(embedded["quant_method"] == "modelopt", "config.json names ModelOpt")
    check(all(embedded["config_groups"]["group_0"][side]["num_bits"] == 4
              for side in ["weights", "input_activations"]), "config.json says four bits")
    check(stated["exclude_modules"] == embedded["ignore"], "the two files exclude the same")
    excluded = set(stated["exclude_modules"])

    quantized = {name for name, tensor in tensors.items() if tensor[0] == "U8"}
    check(quantized, "nothing is quantized")
    expected = set(masters) | {name + end for name in quantized for end in ["_scale", "_scale_2"]}
    expected |= {name.removesuffix("weight") + "input_scale" for name in quantized}
    if expected != set(tensors):
        return [*problems, f"the names {sorted(expected ^ set(tensors))}"]
    for name, master in masters.items():
        layer = name.removesuffix(".weight")
        if name in quantized:
            check(layer not in excluded, f"{name} is quantized and excluded")
            problems += problems_of_layer(layer, tensors, master)
        else:
            check(tensors[name] == master, f"{name} is not the master")
            check(layer in excluded or layer == name, f"{name} is neither quantized nor excluded")
    return problems
