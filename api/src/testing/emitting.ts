import { concat, type Hex, numberToHex, pad, size } from "viem";

/** Creation code of a contract that emits one event and is empty. */
export function emitting(topics: Hex[], data: Hex): Hex {
  const push = (value: Hex) => concat(["0x7f", pad(value)]);
  const stores = Array.from({ length: size(data) / 32 }, (_, at) => {
    const word: Hex = `0x${data.slice(2 + 64 * at, 66 + 64 * at)}`;
    return concat([push(word), push(numberToHex(32 * at)), "0x52"]);
  });
  const log = numberToHex(0xa0 + topics.length);
  return concat([
    ...stores,
    ...topics.toReversed().map(push),
    push(numberToHex(size(data))),
    push("0x00"),
    log,
    "0x00",
  ]);
}
