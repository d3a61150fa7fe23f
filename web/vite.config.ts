import { defineConfig } from "vite";

// The server that serves these files forbids everything inline and every other host. So nothing becomes a data URL,
// the worker is a file of its own, and the page needs no polyfill script in its HTML.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../src/lithograph/api/static",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    chunkSizeWarningLimit: 700,
  },
  worker: { format: "es" },
  server: { proxy: { "/v1": "http://127.0.0.1:8123" } },
});
