// How the page is built and its unit tests are run. The output folder is embedded by crates/api.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    // The page is one program of some tens of kilobytes; only the map is fetched when it is looked at.
    chunkSizeWarningLimit: 400,
    // Inlined assets would need `data:` in the content security policy.
    assetsInlineLimit: 0,
  },
  worker: { format: "es" },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
