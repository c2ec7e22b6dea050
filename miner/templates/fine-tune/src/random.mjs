/**
 * A small generator of numbers that are the same on every machine for the same seed (mulberry32).
 * @param {number} seed 32 bits
 * @returns {() => number} 0 <= x < 1
 */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * A copy of `items` in another order (Fisher-Yates).
 * @template T
 * @param {readonly T[]} items
 * @param {() => number} next
 * @returns {T[]}
 */
export function shuffled(items, next) {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}
