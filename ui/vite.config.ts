import react from '@vitejs/plugin-react';
import locales from '@react-aria/optimize-locales-plugin';
import { fileURLToPath } from 'node:url';
import macros from 'unplugin-parcel-macros';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** Spectrum's provider always loads Adobe's fonts from Adobe's host: ours makes no request that leaves the server. */
function withoutRemoteFonts(): Plugin {
  const empty = fileURLToPath(new URL('./src/app/no-fonts.ts', import.meta.url));
  return {
    name: 'without-remote-fonts',
    enforce: 'pre',
    resolveId(id, importer) {
      return /[/\\]@react-spectrum[/\\]s2[/\\]/.test(importer ?? '') && /(Fonts\.mjs|font-faces\.css)$/.test(id)
        ? empty
        : null;
    },
  };
}

const server = process.env.FOREBAY ?? 'http://127.0.0.1:8787';

export default defineConfig({
  base: '/ui/',
  // The macros run on the source text, so they come before React's transformation.
  plugins: [withoutRemoteFonts(), macros.vite(), { ...locales.vite({ locales: ['en-US'] }), enforce: 'pre' }, react()],
  html: { cspNonce: '__CSP_NONCE__' },
  optimizeDeps: { exclude: ['@react-spectrum/s2'] },
  server: { port: 5173, proxy: { '/data': server, '/docs': server, '/ims': server } },
  build: {
    target: ['es2022', 'chrome120', 'firefox121', 'safari17.5'],
    cssMinify: 'lightningcss',
    modulePreload: { polyfill: false },
    // An inlined asset would be a data: URL, which the policy allows for images only.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    manifest: true,
  },
  test: { environment: 'jsdom', include: ['tests/**/*.test.{ts,tsx}'] },
});
