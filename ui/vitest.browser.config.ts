import { defineConfig } from 'vitest/config';

/** Tests of the whole in a real browser (`make ui-test`): what is slow or long is in tests/soak (`make soak`). */
export default defineConfig({
  test: {
    environment: 'node',
    include: [process.env.FOREBAY_TEST_UI_FILES ?? 'tests/browser/*.spec.ts'],
    globalSetup: 'tests/browser/chromium.ts',
    // Two files at a time, each with a server of its own: more would only wait for the cores.
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 90_000,
    reporters: ['verbose'],
  },
});
