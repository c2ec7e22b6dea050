/** Something that the client can put right: a setting, the weights or the data. Printed without a stack. */
export class InputError extends Error {
  /**
   * @param {string} message what is wrong
   * @param {string} [hint] what to do about it
   */
  constructor(message, hint) {
    super(hint ? `${message}\n${hint}` : message);
    this.name = "InputError";
  }
}
