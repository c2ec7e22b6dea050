/** The environment variable that may hold the wallet key. There is no flag: flags show in `ps`. */
export const KEY_VARIABLE = "AIFORGE_MINER_KEY";
