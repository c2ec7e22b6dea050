import { Listr } from "listr2";

export interface Step {
  title: string;
  work: Promise<unknown>;
}

/**
 * Shows steps that are under way at the same time: a live list on a terminal, plain lines elsewhere.
 * @throws what the first step that fails throws
 */
export async function showProgress(steps: Step[]): Promise<void> {
  const started = Date.now();
  const list = new Listr(
    steps.map(({ title, work }) => ({
      title,
      task: async (_: unknown, task: { title: string }) => {
        const detail = await work;
        const seconds = ((Date.now() - started) / 1000).toFixed(1);
        task.title = `${titled(title, detail)} (${seconds} s)`;
      },
    })),
    {
      concurrent: true,
      exitOnError: true,
      // The supervisor decides what a signal does.
      registerSignalListeners: false,
      renderer: process.stdout.isTTY ? "default" : "silent",
      rendererOptions: { collapseErrors: false, showErrorMessage: false },
    },
  );
  if (!process.stdout.isTTY) {
    for (const { title, work } of steps) {
      void work.then(
        (detail) =>
          console.log(`✔ ${titled(title, detail)} (${((Date.now() - started) / 1000).toFixed(1)} s)`),
        () => {},
      );
    }
  }
  await list.run();
}

const titled = (title: string, detail: unknown): string =>
  typeof detail === "string" ? `${title}: ${detail}` : title;
