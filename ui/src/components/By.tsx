import { useSession } from '../app/session';
import { t } from '../messages/common';
import { Verbatim } from './Verbatim';

/** Who did something: an account as the API names it, without what all have in common, or "you". */
export function By({ account }: { readonly account: string }) {
  const session = useSession();
  if ([session.account, session.client.id].includes(account)) return <>{t('you')}</>;
  return <Verbatim>{account.replace(/@techacct\.adobe\.com$/, '')}</Verbatim>;
}
