use std::net::SocketAddr;
use std::path::Path;

/// What the shop says when it stands: where it is, and the first thing to try.
pub(crate) fn banner(
    api: SocketAddr,
    page: SocketAddr,
    orders: SocketAddr,
    payments: SocketAddr,
    data: &Path,
) -> String {
    format!(
        "Gozon is ready.\n\
         \n\
         \x20 API       http://{api}\n\
         \x20 docs      http://{api}/docs\n\
         \x20 page      http://{page}\n\
         \x20 orders    http://{orders}\n\
         \x20 payments  http://{payments}\n\
         \x20 data      {}\n\
         \n\
         Try it:  curl -X POST http://{api}/accounts -H 'X-User-Id: 1'\n\
         Stop it: Ctrl-C\n",
        data.display()
    )
}
