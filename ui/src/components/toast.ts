import { ToastQueue } from '@react-spectrum/s2';
import { asApiError } from '../api/errors';
import { visible } from './visible';

/** Toasts, for what the user did: `toast.done('Saved.')`, `toast.failed(error)`. Failures stay until they are closed. */
export const toast = {
  done: (text: string) => ToastQueue.positive(text, { timeout: 6000 }),
  info: (text: string) => ToastQueue.info(text, { timeout: 6000 }),
  failed: (error: unknown) => {
    const { code, message } = asApiError(error);
    return ToastQueue.negative(`${code}: ${visible(message)}`);
  },
};
