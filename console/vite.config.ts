/** How the page is built: `npm run build`. */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { PAGE_FOLDER } from '../transport/http/page.ts'

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  logLevel: 'warn',
  build: {
    outDir: PAGE_FOLDER,
    emptyOutDir: true,
    assetsDir: 'assets',
    // What is put into the text of another file would need rules in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
})
