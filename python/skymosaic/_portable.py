"""What travels to workers: no pixels, and coordinates to the last bit."""

import copyreg
import io
import pickle

import numpy as np
from astropy.io.fits import Header
from astropy.wcs import WCS, Sip

_AUX = {
    "rsun_ref": "RSUN_REF",
    "dsun_obs": "DSUN_OBS",
    "crln_obs": "CRLN_OBS",
    "hgln_obs": "HGLN_OBS",
    "hglt_obs": "HGLT_OBS",
}


def dumps(thing):
    """Pickles, with every FITS WCS as it is: astropy's own way goes through a header that is rounded to some 14 digits."""
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol=5)
    pickler.dispatch_table = copyreg.dispatch_table.copy()
    pickler.dispatch_table[WCS] = _reduce
    pickler.dump(thing)
    return file.getvalue()


loads = pickle.loads


def _reduce(wcs):
    state = _state(wcs)
    if any(table is not None for table in (wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2)):
        return wcs.__reduce__()
    return restore, (state,)


def _state(wcs):
    """Header text and the numbers that it rounds."""
    plain = WCS(naxis=wcs.naxis)
    plain.wcs = wcs.wcs
    w = wcs.wcs
    exact = {"crpix": w.crpix, "crval": w.crval, "cdelt": w.get_cdelt(), "pc": w.get_pc()}
    exact = {name: np.array(value, dtype=float) for name, value in exact.items()}
    sip = None
    if wcs.sip is not None:
        sip = [wcs.sip.a, wcs.sip.b, wcs.sip.ap, wcs.sip.bp, wcs.sip.crpix]
    header = plain.to_header(relax=True)
    # wcslib shows a distorted projection as the plain one, with its coefficients in the header only.
    plainly = all(header.get(f"CTYPE{axis}", "").strip() == ctype.strip() for axis, ctype in enumerate(w.ctype, 1))
    return {
        "header": header.tostring(),
        "exact": exact,
        "ctype": list(w.ctype) if plainly or sip is not None else None,
        "pv": w.get_pv(),
        "lonpole": float(w.lonpole),
        "latpole": float(w.latpole),
        "obsgeo": np.array(w.obsgeo),
        "times": {name: float(getattr(w, name)) for name in ("mjdobs", "mjdavg", "equinox")},
        "aux": {name: getattr(w.aux, name) for name in _AUX},
        "sip": sip,
        "shape": wcs.array_shape,
    }


def restore(state):
    """The WCS of `_state`."""
    header = Header.fromstring(state["header"])
    # Makes place for what is set below.
    header.update({_AUX[name]: value for name, value in state["aux"].items() if value is not None})
    for keyword in [keyword for keyword in header if keyword.startswith(("CD1_", "CD2_", "CD3_", "CD4_"))]:
        del header[keyword]
    wcs = WCS(header, fix=False)
    w = wcs.wcs
    for name, value in state["exact"].items():
        setattr(w, name, value)
    if state["ctype"] is not None:
        w.ctype = state["ctype"]
        if state["pv"]:
            w.set_pv(state["pv"])
    w.lonpole, w.latpole, w.obsgeo = state["lonpole"], state["latpole"], state["obsgeo"]
    for name, value in state["times"].items():
        setattr(w, name, value)
    for name, value in state["aux"].items():
        if value is not None:
            setattr(w.aux, name, value)
    if state["sip"] is not None:
        wcs.sip = Sip(*state["sip"])
    wcs.array_shape = state["shape"]
    return wcs
