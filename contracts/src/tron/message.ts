import { type Address, concat, type Hex, keccak256, recoverAddress, stringToBytes } from "viem";

/**
 * What a Tron wallet signs for a text (`signMessageV2`): the header of TIP-191 with the length in bytes. The older
 * header without the text's own length, which `signMessage` used, is another hash and never recovers the signer.
 */
export function tronMessageHash(text: string): Hex {
  const bytes = stringToBytes(text);
  return keccak256(concat([stringToBytes(`\x19TRON Signed Message:\n${bytes.length}`), bytes]));
}

/**
 * Who signed a text: to be compared with who it should be.
 * @returns `0x` and lower case
 * @throws viem's errors for what is no signature
 */
export async function recoverTronMessage(text: string, signature: Hex): Promise<Address> {
  const signer = await recoverAddress({ hash: tronMessageHash(text), signature });
  return signer.toLowerCase() as Address;
}
