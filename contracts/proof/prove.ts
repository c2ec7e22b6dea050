/** `npm run prove -w contracts`: fails unless everything that `SplitArithmetic.sol` claims is proved. */
import { prove } from "./smt.ts";

const { proved, failures } = prove();
for (const name of proved) console.log(`proved  ${name}`);
for (const failure of failures) console.error(`\n${failure}`);
console.log(`${proved.length} proved, ${failures.length} failed`);
process.exitCode = failures.length > 0 || proved.length === 0 ? 1 : 0;
