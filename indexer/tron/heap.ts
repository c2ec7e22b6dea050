/**
 * What Node is to run the watcher with. It keeps some 45 MB, and half as much more for what comes and goes: left to
 * itself Node lets several times that pile up before it collects, which is no faster.
 */
export const HEAP_FLAGS = ["--max-semi-space-size=4", "--max-old-space-size=192"];
