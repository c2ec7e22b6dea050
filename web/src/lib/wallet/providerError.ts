/** An EIP-1193 error, with the codes of EIP-1193, EIP-1474 and EIP-5792. */
export class ProviderError extends Error {
  override name = "ProviderError";
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}
