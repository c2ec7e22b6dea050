import { DrizzleQueryError } from "drizzle-orm/errors";
import { type DestinationStream, type Logger, pino } from "pino";

/**
 * The api's logger. An error of the database is told without the query's parameters: hashes of passwords, tokens of
 * sessions and what people wrote are among them.
 * @param destination standard output when left out
 */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    redact: ["req.headers.authorization", "req.headers.cookie"],
    serializers: { err: (error: unknown) => (error instanceof Error ? withoutParameters(error) : error) },
  };
  return destination ? pino(options, destination) : pino(options);
}

function withoutParameters(error: Error) {
  const told = pino.stdSerializers.err(error);
  delete told.params;
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    if (!(each instanceof DrizzleQueryError)) continue;
    const parameters = `\nparams: ${each.params}`;
    told.message = told.message.replaceAll(parameters, "");
    told.stack = told.stack.replaceAll(parameters, "");
  }
  return told;
}
