import adapter from "@sveltejs/adapter-node";
import { sveltekit } from "@sveltejs/kit/vite";
import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vite";

/**
 * Every script and style comes from this origin. Scripts are allowed by nonce; style attributes (bar widths, code
 * colours) are allowed, style elements are not. The page talks to its own origin only: the API and the chains' RPC
 * are both proxied there.
 */
const csp = {
  mode: "nonce",
  directives: {
    "default-src": ["self"],
    "script-src": ["self"],
    "style-src": ["self"],
    "style-src-attr": ["unsafe-inline"],
    "img-src": ["self", "data:"],
    "font-src": ["self"],
    "connect-src": ["self"],
    "object-src": ["none"],
    "base-uri": ["none"],
    "form-action": ["self"],
    "frame-ancestors": ["none"],
  },
} as const satisfies Parameters<typeof sveltekit>[0] extends infer C
  ? C extends { csp?: infer P }
    ? P
    : never
  : never;

export default defineConfig({
  plugins: [tailwindcss(), sveltekit({ adapter: adapter({ out: "build" }), csp })],
  server: {
    proxy: {
      "/api": { target: process.env.API_URL ?? "http://127.0.0.1:3001", ws: true },
      "/rpc/31337": { target: process.env.RPC_URL_31337 ?? "http://127.0.0.1:8545", rewrite: () => "/" },
      "/tron/1952736630": {
        target: process.env.TRON_URL ?? "http://127.0.0.1:9090",
        rewrite: (path) => path.replace(/^\/tron\/\d+/, ""),
      },
    },
  },
});
