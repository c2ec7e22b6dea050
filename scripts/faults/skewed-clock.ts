/**
 * For `node --import`: this process has another idea of what time it is. Timers and `performance.now()` are right, as on
 * a machine whose clock was set wrongly.
 */
const shift = Number(process.env.FAULTS_CLOCK_SECONDS) * 1_000;
const RealDate = Date;
const now = () => RealDate.now() + shift;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
});
