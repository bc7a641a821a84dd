import { defineConfig } from 'vitest/config';

/** Tests of the whole in a real browser (`make ui-test`): what is slow or long is in tests/soak (`make soak`). */
export default defineConfig({
  test: {
    environment: 'node',
    include: [process.env.FOREBAY_TEST_UI_FILES || 'tests/browser/*.spec.ts'],
    globalSetup: 'tests/browser/chromium.ts',
    // Three files at a time, each with a server of its own: more would only wait for the cores.
    maxWorkers: 3,
    // Tests that change nothing run beside each other: what they do most is wait.
    maxConcurrency: 3,
    // Bounds for a loaded machine, not what a test may take: it waits for conditions.
    testTimeout: 300_000,
    hookTimeout: 180_000,
    reporters: ['verbose'],
  },
});
