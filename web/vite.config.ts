import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Where `npm run dev -w web` finds a running service. */
const SERVICE = 'http://localhost:8000';

export default defineConfig({
  plugins: [react()],
  build: {
    // The service's policy lets nothing load from `data:` but pictures.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // On a busy machine it would be said at each start.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: {
    proxy: {
      '/api': {
        target: SERVICE,
        changeOrigin: true,
        // The service takes requests from its own page alone.
        configure: (proxy) => proxy.on('proxyReq', (request) => request.removeHeader('origin')),
      },
    },
  },
});
