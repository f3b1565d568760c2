// SPDX-License-Identifier: GPL-2.0
/*
 * Welch's t interval (B. L. Welch, Biometrika 34, 1947), with the degrees of freedom of
 * Satterthwaite. What takes care is the ends: no variance on one side or on both.
 */
#include "analyze/welch.h"

#include <math.h>

#include <gsl/gsl_cdf.h>

static double mean_of(const double *v, size_t n)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		sum += v[i] / n;
	return sum;
}

/* Variance of the mean: s^2 / n. */
static double error_of(const double *v, size_t n, double mean)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		sum += (v[i] - mean) * (v[i] - mean);
	return sum / (n - 1) / n;
}

bool welch_interval(const double *a, size_t na, const double *b, size_t nb, double confidence,
		    struct welch *out)
{
	double ma, mb, ea, eb, half = 0;

	if (na < 2 || nb < 2)
		return false;
	ma = mean_of(a, na);
	mb = mean_of(b, nb);
	ea = error_of(a, na, ma);
	eb = error_of(b, nb, mb);
	out->difference = mb - ma;
	out->df = 0;
	/* As a share of the larger one: their squares alone may underflow or overflow. */
	if (ea + eb > 0) {
		double most = fmax(ea, eb), u = ea / most, v = eb / most;

		out->df = (u + v) * (u + v) / (u * u / (na - 1) + v * v / (nb - 1));
		half = gsl_cdf_tdist_Pinv(1 - (1 - confidence) / 2, out->df) * sqrt(ea + eb);
	}
	out->low = out->difference - half;
	out->high = out->difference + half;
	return isfinite(out->low) && isfinite(out->high);
}
