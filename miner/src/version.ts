import packageJson from "../package.json" with { type: "json" };

/** The version of this package, which the node tells the API. */
export const VERSION: string = packageJson.version;
