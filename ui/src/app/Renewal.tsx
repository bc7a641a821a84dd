import { Content, Dialog, DialogContainer, Heading } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { queryClient } from '../api/query';
import { resumeLive } from '../api/live';
import { toast } from '../components/toast';
import { t } from '../messages/sign-in';
import { sessionEnded } from './session';
import { SignInForm } from './SignInForm';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, font: 'body' });

/** Asks for credentials over the page when the session ends in the middle of work: the page keeps what was typed. */
export default function Renewal() {
  function done(): void {
    sessionEnded.set(false);
    toast.done(t('renewed'));
    resumeLive();
    // What was refused meanwhile is read again.
    void queryClient.invalidateQueries({ predicate: ({ state }) => state.status === 'error' || state.error !== null });
  }
  return (
    <DialogContainer onDismiss={() => sessionEnded.set(false)}>
      <Dialog size="M" isDismissible>
        <Heading slot="title">{t('renewTitle')}</Heading>
        <Content>
          <div className={column}>
            <span>{t('renewText')}</span>
            <SignInForm onDone={done} />
          </div>
        </Content>
      </Dialog>
    </DialogContainer>
  );
}
